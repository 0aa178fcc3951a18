-- The schema of the first release. After that it stays as it is: changes are migrations (`locara db diff --to`).
CREATE TABLE notes(
  id INTEGER PRIMARY KEY,
  body TEXT NOT NULL,
  written INTEGER NOT NULL
);
