-- One row for each thing that was heard.
CREATE TABLE recordings (
  id       INTEGER PRIMARY KEY,
  name     TEXT NOT NULL,
  origin   TEXT NOT NULL CHECK (origin IN ('file', 'microphone')),
  added    TEXT NOT NULL,
  -- Seconds of sound; what was heard so far while it is still being heard.
  duration REAL NOT NULL DEFAULT 0,
  language TEXT NOT NULL DEFAULT '',
  -- hearing: now, or broken off by the end of the app, which makes it 'stopped' when the app opens again.
  state    TEXT NOT NULL DEFAULT 'hearing' CHECK (state IN ('hearing', 'stopped', 'whole')),
  -- 1 when the sound itself lies below $APP_DATA (the microphone's; a file stays where the person has it).
  sound    INTEGER NOT NULL DEFAULT 0 CHECK (sound IN (0, 1))
) STRICT;

-- Words and when they were said, in seconds. `heard` is what the model wrote, `text` what the person made of it.
CREATE TABLE segments (
  id        INTEGER PRIMARY KEY,
  recording INTEGER NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
  start     REAL NOT NULL,
  finish    REAL NOT NULL,
  speaker   TEXT NOT NULL DEFAULT '',
  heard     TEXT NOT NULL,
  text      TEXT NOT NULL
) STRICT;
CREATE INDEX segments_recording ON segments (recording, start);

-- What the chat model, or the words themselves, say is important; each points to the moment it comes from.
CREATE TABLE notes (
  id        INTEGER PRIMARY KEY,
  recording INTEGER NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
  kind      TEXT NOT NULL CHECK (kind IN ('summary', 'action')),
  segment   INTEGER REFERENCES segments (id) ON DELETE SET NULL,
  -- model: in the model's words, each of which was said; quote: the sentence itself.
  source    TEXT NOT NULL CHECK (source IN ('model', 'quote')),
  done      INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
  text      TEXT NOT NULL
) STRICT;
CREATE INDEX notes_recording ON notes (recording);

CREATE VIRTUAL TABLE segment_words USING fts5 (
  text, speaker, content = 'segments', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER segments_added AFTER INSERT ON segments BEGIN
  INSERT INTO segment_words (rowid, text, speaker) VALUES (new.id, new.text, new.speaker);
END;
CREATE TRIGGER segments_removed AFTER DELETE ON segments BEGIN
  INSERT INTO segment_words (segment_words, rowid, text, speaker) VALUES ('delete', old.id, old.text, old.speaker);
END;
CREATE TRIGGER segments_changed AFTER UPDATE OF text, speaker ON segments BEGIN
  INSERT INTO segment_words (segment_words, rowid, text, speaker) VALUES ('delete', old.id, old.text, old.speaker);
  INSERT INTO segment_words (rowid, text, speaker) VALUES (new.id, new.text, new.speaker);
END;
