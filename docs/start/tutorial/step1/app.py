from microdot import Microdot, abort
from microdot.validation import Field, with_body

app = Microdot()

notes = ['Water the plants', 'Call Ada']


@app.get('/')
async def index(request):
    return {'notes': notes}


@app.get('/notes/<int:number>')
async def show(request, number):
    if number >= len(notes):
        abort(404)
    return notes[number]


@app.post('/notes')
@with_body({'text': Field(str, min=1, max=500)})
async def add(request, body):
    notes.append(body['text'])
    return {'notes': notes}, 201


if __name__ == '__main__':
    app.run(host='127.0.0.1')
