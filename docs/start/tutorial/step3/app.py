import pathlib

import database

from microdot import Microdot, abort, redirect
from microdot.jinja import Template
from microdot.static import static
from microdot.validation import Field, with_form

FOLDER = pathlib.Path(__file__).parent

database.path = str(FOLDER / 'notes.sqlite')

app = Microdot()
app.on_startup(database.create)
Template.initialize(FOLDER / 'templates')
static(app, '/static', FOLDER / 'static')


@app.get('/')
def index(request):
    notes = database.list_notes()
    return Template('notes.html').response(request, notes=notes)


@app.post('/notes')
@with_form({'text': Field(str, min=1, max=500)})
def add(request, form):
    database.add_note(form['text'])
    return redirect('/')


@app.post('/notes/<int:note_id>/delete')
def delete(request, note_id):
    if not database.delete_note(note_id):
        abort(404)
    return redirect('/')


if __name__ == '__main__':
    app.run(host='127.0.0.1')
