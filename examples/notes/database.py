"""The users and their notes, in a file of SQLite.

Each call opens the file, does one thing and closes it: so calls may come from
any thread.
"""
import contextlib
import dataclasses
import sqlite3

#: The name of the file.
path = 'notes.sqlite'

TABLES = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS notes_of_user ON notes (user_id);
"""


@dataclasses.dataclass
class User:
    id: int
    name: str
    password: str


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


def is_there():
    """Tell whether the file can be read."""
    with connect() as db:
        return db.execute('SELECT count(*) FROM users').fetchone() is not None


# ---------------------------------------------------------------------- users

def add_user(name, password):
    """Add a user and return it, or ``None`` if the name is taken."""
    try:
        with connect() as db:
            cursor = db.execute(
                'INSERT INTO users (name, password) VALUES (?, ?)',
                (name, password))
            return User(cursor.lastrowid, name, password)
    except sqlite3.IntegrityError:
        return None


def find_user(user_id):
    """Return the user with an id, or ``None``."""
    with connect() as db:
        row = db.execute('SELECT id, name, password FROM users WHERE id = ?',
                         (user_id,)).fetchone()
    return row and User(*row)


def find_user_by_name(name):
    """Return the user with a name, or ``None``."""
    with connect() as db:
        row = db.execute('SELECT id, name, password FROM users WHERE name = ?',
                         (name,)).fetchone()
    return row and User(*row)


# ---------------------------------------------------------------------- notes

def list_notes(user_id):
    """Return the notes of a user, the newest first: pairs of id and text."""
    with connect() as db:
        return db.execute(
            'SELECT id, text FROM notes WHERE user_id = ? ORDER BY id DESC',
            (user_id,)).fetchall()


def add_note(user_id, text):
    """Add a note."""
    with connect() as db:
        db.execute('INSERT INTO notes (user_id, text) VALUES (?, ?)',
                   (user_id, text))


def delete_note(user_id, note_id):
    """Delete a note of a user; tell whether it was there."""
    with connect() as db:
        return db.execute('DELETE FROM notes WHERE id = ? AND user_id = ?',
                          (note_id, user_id)).rowcount == 1
