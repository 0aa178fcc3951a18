-- The schema of the first release. After that it stays as it is: changes are migrations (`locara db diff --to`).
CREATE TABLE messages(
  id INTEGER PRIMARY KEY,
  role TEXT NOT NULL CHECK(role IN ('user', 'assistant')),
  content TEXT NOT NULL
);
