"""The notes, in a file of SQLite.

Each call opens the file, does one thing and closes it: so calls may come from
any thread.
"""
import contextlib
import sqlite3

#: The name of the file.
path = 'notes.sqlite'

TABLES = """
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL
);
"""


@contextlib.contextmanager
def connect():
    """Open the file for a block, which is saved as a whole or not at all."""
    connection = sqlite3.connect(path, timeout=5)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def create():
    """Make the tables, unless they are there."""
    with connect() as db:
        # Readers and a writer do not wait for each other.
        db.execute('PRAGMA journal_mode = WAL')
        db.executescript(TABLES)


def list_notes():
    """Return the notes, the newest first: pairs of id and text."""
    with connect() as db:
        return db.execute(
            'SELECT id, text FROM notes ORDER BY id DESC').fetchall()


def add_note(text):
    """Add a note."""
    with connect() as db:
        db.execute('INSERT INTO notes (text) VALUES (?)', (text,))


def delete_note(note_id):
    """Delete a note; tell whether it was there."""
    with connect() as db:
        return db.execute('DELETE FROM notes WHERE id = ?',
                          (note_id,)).rowcount == 1
