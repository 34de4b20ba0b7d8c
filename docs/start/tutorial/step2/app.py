import pathlib

from microdot import Microdot, abort, redirect
from microdot.jinja import Template
from microdot.static import static
from microdot.validation import Field, with_form

FOLDER = pathlib.Path(__file__).parent

app = Microdot()
Template.initialize(FOLDER / 'templates')
static(app, '/static', FOLDER / 'static')

notes = {1: 'Water the plants', 2: 'Call Ada'}


@app.get('/')
async def index(request):
    return Template('notes.html').response(request, notes=notes.items())


@app.post('/notes')
@with_form({'text': Field(str, min=1, max=500)})
async def add(request, form):
    notes[max(notes, default=0) + 1] = form['text']
    return redirect('/')


@app.post('/notes/<int:note_id>/delete')
async def delete(request, note_id):
    if note_id not in notes:
        abort(404)
    del notes[note_id]
    return redirect('/')


if __name__ == '__main__':
    app.run(host='127.0.0.1')
