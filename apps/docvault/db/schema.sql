-- One row for each document in the vault. The file itself lies below $APP_DATA, named by its digest.
CREATE TABLE documents (
  id       INTEGER PRIMARY KEY,
  sha256   TEXT    NOT NULL UNIQUE CHECK (length(sha256) = 64),
  name     TEXT    NOT NULL,
  -- Folder and path it was picked by; a changed file that comes the same way again takes this one's place.
  source   TEXT    UNIQUE,
  kind     TEXT    NOT NULL CHECK (kind IN ('pdf', 'markdown', 'text')),
  size     INTEGER NOT NULL,
  pages    INTEGER NOT NULL,
  added    TEXT    NOT NULL,
  -- 0 while passages are still being written; such a document is taken away when the vault is opened.
  complete INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1))
) STRICT;

-- What could not be read of a document: shown to the person, kept as long as the document.
CREATE TABLE problems (
  document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  page     INTEGER,
  code     TEXT    NOT NULL,
  message  TEXT    NOT NULL
) STRICT;
CREATE INDEX problems_document ON problems (document);

-- What is searched and cited. id = document * 1000000 + ordinal, so the three tables below meet without a lookup.
CREATE TABLE passages (
  id       INTEGER PRIMARY KEY,
  document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  page     INTEGER NOT NULL,
  ordinal  INTEGER NOT NULL,
  heading  TEXT    NOT NULL,
  kind     TEXT    NOT NULL CHECK (kind IN ('prose', 'table', 'code')),
  text     TEXT    NOT NULL,
  UNIQUE (document, ordinal)
) STRICT;

CREATE VIRTUAL TABLE passage_words USING fts5 (
  text, heading, content = 'passages', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN
  INSERT INTO passage_words (rowid, text, heading) VALUES (new.id, new.text, new.heading);
END;
CREATE TRIGGER passages_removed AFTER DELETE ON passages BEGIN
  INSERT INTO passage_words (passage_words, rowid, text, heading) VALUES ('delete', old.id, old.text, old.heading);
END;

CREATE VIRTUAL TABLE passage_vectors USING vec0 (embedding float[384] distance_metric = cosine);
