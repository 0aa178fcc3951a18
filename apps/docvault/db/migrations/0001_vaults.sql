-- Several vaults, and two more kinds of files. A table's checks are changed by making it anew.
CREATE TABLE vaults (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 60)
) STRICT;
INSERT INTO vaults (id, name) VALUES (1, 'My documents');

CREATE TABLE documents_next (
  id       INTEGER PRIMARY KEY,
  vault    INTEGER NOT NULL REFERENCES vaults (id),
  sha256   TEXT    NOT NULL CHECK (length(sha256) = 64),
  name     TEXT    NOT NULL,
  source   TEXT,
  kind     TEXT    NOT NULL CHECK (kind IN ('pdf', 'markdown', 'text', 'html', 'docx')),
  size     INTEGER NOT NULL,
  pages    INTEGER NOT NULL,
  added    TEXT    NOT NULL,
  complete INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1)),
  UNIQUE (vault, sha256),
  UNIQUE (vault, source)
) STRICT;
INSERT INTO documents_next (id, vault, sha256, name, source, kind, size, pages, added, complete)
  SELECT id, 1, sha256, name, source, kind, size, pages, added, complete FROM documents;
DROP TABLE documents;
ALTER TABLE documents_next RENAME TO documents;

-- Searched one vault at a time: the nearest passages of one are never crowded out by those of another.
CREATE VIRTUAL TABLE vault_vectors USING vec0 (
  vault INTEGER PARTITION KEY, embedding float[384] distance_metric = cosine
);
INSERT INTO vault_vectors (rowid, vault, embedding) SELECT rowid, 1, embedding FROM passage_vectors;
DROP TABLE passage_vectors;
