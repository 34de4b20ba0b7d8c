'use strict';

// Shows the document and sends requests. Everything that comes from the
// document or the server is put into the page as text, never as markup.

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options',
  'trace'];
let spec;
const keys = {};  // credentials by the name of their scheme

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null && child !== ''));
  return node;
}

function resolve(schema) {
  for (let i = 0; schema && schema.$ref && i < 20; i++) {
    schema = schema.$ref.slice(2).split('/').reduce(
      (value, key) => value && value[key], spec);
  }
  return schema || {};
}

// ---- Examples ------------------------------------------------------------

function example(schema, depth = 0) {
  schema = resolve(schema);
  if ('default' in schema) return schema.default;
  if (schema.examples && schema.examples.length) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  if ('const' in schema) return schema.const;
  const inner = schema.allOf || schema.anyOf || schema.oneOf;
  if (inner) return example(inner[0], depth);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'object' || schema.properties) {
    const value = {};
    if (depth > 4) return value;
    for (const [name, item] of Object.entries(schema.properties || {})) {
      value[name] = example(item, depth + 1);
    }
    return value;
  }
  if (type === 'array') {
    return depth > 4 ? [] : [example(schema.items || {}, depth + 1)];
  }
  if (type === 'integer' || type === 'number') {
    return schema.minimum ?? Math.min(schema.maximum ?? 1, 1);
  }
  if (type === 'boolean') return true;
  if (type === 'null') return null;
  return { 'date-time': '2030-01-31T12:00:00Z', date: '2030-01-31',
    time: '12:00:00', uuid: '00000000-0000-4000-8000-000000000000' }[
    schema.format] || 'text'.padEnd(schema.minLength || 0, 't').slice(
    0, schema.maxLength ?? 9999);
}

function bounds(schema) {
  const found = resolve(schema);
  const words = [];
  const number = found.minimum != null || found.maximum != null;
  const least = found.minimum ?? found.minLength ?? found.minItems;
  const most = found.maximum ?? found.maxLength ?? found.maxItems;
  if (least != null) words.push(`at least ${least}`);
  if (most != null) words.push(`at most ${most}`);
  const text = words.join(', ');
  return text && !number ? text + ' long' : text;
}

function kind(schema) {
  const found = resolve(schema);
  const inner = found.anyOf || found.oneOf;
  if (inner) return inner.map(kind).join(' or ');
  let text = [].concat(found.type || 'anything').join(' or ');
  if (found.enum) text = found.enum.map((one) => JSON.stringify(one)).join(' | ');
  else if (found.format) text = found.format;
  else if (found.type === 'array') text = 'list of ' + kind(found.items || {});
  return text;
}

// ---- Sending -------------------------------------------------------------

function base() {
  // Only ever this server: whatever the document says, its path alone counts.
  const servers = spec.servers || [{ url: '/' }];
  const path = new URL(servers[0].url, location.href).pathname;
  return location.origin + path.replace(/\/$/, '');
}

function credentials(operation, headers) {
  const needed = operation.security || spec.security || [];
  for (const names of needed) {
    for (const name of Object.keys(names)) {
      const scheme = ((spec.components || {}).securitySchemes || {})[name];
      const value = keys[name];
      if (!scheme || !value) continue;
      if (scheme.type === 'http' && scheme.scheme === 'basic') {
        const bytes = new TextEncoder().encode(value);
        headers.Authorization = 'Basic ' + btoa(String.fromCharCode(...bytes));
      } else if (scheme.type === 'http') {
        const word = scheme.scheme;
        headers.Authorization =
          word[0].toUpperCase() + word.slice(1) + ' ' + value;
      } else if (scheme.in === 'header') headers[scheme.name] = value;
    }
  }
}

function build(form, method, path, operation) {
  const query = new URLSearchParams();
  const headers = {};
  let url = path;
  for (const input of form.querySelectorAll('[data-in]')) {
    const value = input.value;
    const name = input.dataset.name;
    if (input.dataset.in === 'path') {
      const text = input.dataset.slashes
        ? value.split('/').map(encodeURIComponent).join('/')
        : encodeURIComponent(value);
      url = url.replace(`{${name}}`, () => text);
    } else if (value !== '') {
      if (input.dataset.in === 'query') {
        const list = input.dataset.list ? value.split(/\r?\n|,/) : [value];
        for (const one of list) query.append(name, one.trim());
      } else if (input.dataset.in === 'header') headers[name] = value;
    }
  }
  const text = query.toString();
  const request = { method: method.toUpperCase(), headers,
    url: base() + url + (text ? '?' + text : ''), body: null, files: [] };
  credentials(operation, headers);
  const type = form.dataset.type;
  if (type === 'application/json') {
    request.body = form.querySelector('textarea').value;
    headers['Content-Type'] = type;
  } else if (type) {
    const data = type === 'multipart/form-data'
      ? new FormData() : new URLSearchParams();
    for (const input of form.querySelectorAll('[data-form]')) {
      for (const file of input.files || []) {
        data.append(input.dataset.form || file.name, file);
      }
      if (!input.files && input.value !== '') {
        data.append(input.dataset.form, input.value);
      }
    }
    request.body = data;
    if (type !== 'multipart/form-data') headers['Content-Type'] = type;
  }
  return request;
}

function quote(text) {
  return "'" + text.replaceAll("'", "'\\''") + "'";
}

function curl(request) {
  const words = ['curl'];
  if (request.method !== 'GET') words.push('-X ' + request.method);
  for (const [name, value] of Object.entries(request.headers)) {
    words.push('-H ' + quote(`${name}: ${value}`));
  }
  if (request.body instanceof FormData) {
    for (const [name, value] of request.body) {
      words.push('-F ' + quote(
        `${name}=${value instanceof File ? '@' + value.name : value}`));
    }
  } else if (request.body != null) {
    words.push('--data-raw ' + quote(String(request.body)));
  }
  words.push(quote(request.url));
  return words.join(' \\\n  ');
}

function block(text, label) {
  const code = make('pre', { tabindex: '0', 'aria-label': label }, text);
  const button = make('button', { type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  return make('div', { class: 'block' }, code, button);
}

async function send(form, answer, method, path, operation) {
  const button = form.querySelector('.send');
  const request = build(form, method, path, operation);
  button.disabled = true;
  answer.replaceChildren(make('p', { class: 'hint' }, 'Waiting…'));
  const start = performance.now();
  try {
    const response = await fetch(request.url, {
      method: request.method, headers: request.headers, body: request.body,
      credentials: 'same-origin' });
    const type = response.headers.get('Content-Type') || '';
    let text;
    if (type.startsWith('text/event-stream')) {
      // a stream has no end: its beginning is shown
      const reader = response.body.getReader();
      const { value } = await reader.read();
      await reader.cancel();
      text = new TextDecoder().decode(value) + '…';
    } else if (/json|text|xml|javascript/.test(type) || !type) {
      text = await response.text();
    } else {
      text = `(${(await response.blob()).size} bytes of ${type})`;
    }
    if (/json/.test(type)) {
      try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { }
    }
    const time = Math.round(performance.now() - start);
    const head = [...response.headers].map(([name, value]) =>
      `${name}: ${value}`).join('\n');
    answer.replaceChildren(
      make('div', { class: 'row' },
        make('span', { class: 'status ' + (response.ok ? 'good' : 'bad') },
          `${response.status} ${response.statusText}`),
        make('span', { class: 'hint' }, `${time} ms`),
        response.redirected ? make('span', { class: 'hint' },
          'after a redirect to ' + response.url) : null),
      text ? block(text, 'Body of the answer')
        : make('p', { class: 'hint' }, 'No body.'),
      make('details', { class: 'schema' },
        make('summary', {}, 'Headers'), block(head, 'Headers')));
  } catch (error) {
    answer.replaceChildren(make('p', { class: 'status bad' },
      `No answer: ${error.message}`));
  }
  answer.append(make('h3', {}, 'The same with curl'),
    block(curl(request), 'curl'));
  button.disabled = false;
}

// ---- Operations ----------------------------------------------------------

let number = 0;

function field(name, schema, data, required, text) {
  const id = 'field' + number++;
  const found = resolve(schema);
  const first = (found.anyOf || [found])[0];
  let input;
  if (data['data-file'] != null) {
    input = make('input', { type: 'file', id, multiple: true, ...data });
  } else if (found.enum || found.type === 'boolean') {
    const values = found.enum || [true, false];
    input = make('select', { id, ...data },
      required ? null : make('option', { value: '' }, '–'),
      ...values.map((one) => make('option', {
        value: String(one), selected: one === found.default }, String(one))));
  } else {
    const type = ['integer', 'number'].includes(first.type) ? 'decimal' : null;
    input = make('input', { id, ...data, inputmode: type,
      'data-list': found.type === 'array',
      placeholder: found.type === 'array' ? 'separated by commas' : null,
      value: found.default ?? (required ? example(schema) : '') });
    if (/slashes/.test(found.description || '')) input.dataset.slashes = '1';
  }
  const about = [kind(schema), bounds(schema), text || found.description];
  return make('div', { class: 'field' },
    make('label', { for: id }, name,
      required ? make('span', { class: 'must', title: 'required' }, ' *') : '',
      make('small', {}, about.filter(Boolean).join(' · '))),
    input);
}

function bodyFields(operation, form) {
  const content = (operation.requestBody || {}).content || {};
  const type = Object.keys(content)[0];
  if (!type) return [];
  form.dataset.type = type;
  const schema = content[type].schema || {};
  const nodes = [make('h3', {}, 'Body ',
    make('small', { class: 'hint' }, type))];
  if (type === 'application/json') {
    const text = JSON.stringify(example(schema), null, 2);
    nodes.push(make('textarea', { 'aria-label': 'Body', spellcheck: 'false',
      rows: Math.min(16, Math.max(4, text.split('\n').length)) }, text));
    nodes.push(schemaOf(schema));
    return nodes;
  }
  const found = resolve(schema);
  for (const [name, item] of Object.entries(found.properties || {})) {
    nodes.push(field(name, item, { 'data-form': name },
      (found.required || []).includes(name)));
  }
  if (type === 'multipart/form-data') {
    const files = make('input', { value: 'file', 'aria-label': 'Name' });
    const upload = field('files', {}, { 'data-form': 'file', 'data-file': '' },
      false, 'sent as “file”, or as you name it below');
    files.addEventListener('input', () => {
      upload.querySelector('input').dataset.form = files.value;
    });
    nodes.push(upload, make('div', { class: 'field' },
      make('span', { class: 'hint' }, 'name of the files'), files));
  }
  return nodes;
}

function schemaOf(schema) {
  const seen = new Set();
  function expand(value, depth) {
    if (!value || typeof value !== 'object' || depth > 12) return value;
    if (Array.isArray(value)) return value.map((one) => expand(one, depth + 1));
    if (value.$ref) {
      if (seen.has(value.$ref)) return value.$ref.split('/').pop() + ' …';
      seen.add(value.$ref);
      const result = expand(resolve(value), depth + 1);
      seen.delete(value.$ref);
      return result;
    }
    return Object.fromEntries(Object.entries(value).map(
      ([name, one]) => [name, expand(one, depth + 1)]));
  }
  return make('details', { class: 'schema' }, make('summary', {}, 'Schema'),
    block(JSON.stringify(expand(schema, 0), null, 2), 'Schema'));
}

function answers(operation) {
  const rows = Object.entries(operation.responses || {}).map(
    ([status, response]) => {
      const content = Object.entries(response.content || {});
      const cell = make('td', {}, response.description || '');
      for (const [type, media] of content) {
        cell.append(' ', make('code', {}, type));
        if (media.schema && /json/.test(type)) {
          cell.append(schemaOf(media.schema));
        }
      }
      return make('tr', {}, make('td', {}, status), cell);
    });
  return make('table', {}, make('tbody', {}, ...rows));
}

function inside(method, path, operation) {
  const form = make('form', { novalidate: true });
  const answer = make('div', { 'aria-live': 'polite' });
  const parameters = operation.parameters || [];
  if (parameters.length) form.append(make('h3', {}, 'Parameters'));
  for (const one of parameters) {
    form.append(field(one.name, one.schema || {},
      { 'data-in': one.in, 'data-name': one.name }, one.required,
      one.description));
  }
  form.append(...bodyFields(operation, form),
    make('div', { class: 'row' },
      make('button', { class: 'send' }, 'Send'),
      make('button', { type: 'button', onclick: () => answer.replaceChildren(
        block(curl(build(form, method, path, operation)), 'curl')) }, 'curl'),
      make('span', { class: 'hint' }, make('kbd', {}, 'Ctrl'), ' ',
        make('kbd', {}, 'Enter'))));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    send(form, answer, method, path, operation);
  });
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  return make('div', { class: 'inside' },
    operation.description ? make('p', {}, operation.description) : null,
    form, answer, make('h3', {}, 'Answers'), answers(operation));
}

function card(method, path, operation) {
  let id = operation.operationId || method + path;
  // The page has names of its own, such as "about" and "state".
  while (document.getElementById(id)) id += '.';
  const locked = (operation.security || []).some(
    (one) => Object.keys(one).length);
  const open = (operation.security || []).some(
    (one) => !Object.keys(one).length);
  const details = make('details', {
    class: 'operation' + (operation.deprecated ? ' deprecated' : ''), id },
  make('summary', {}, make('span', { class: 'method ' + method }, method),
    make('span', { class: 'path' }, path),
    make('span', { class: 'summary' }, operation.summary || ''),
    locked ? make('span', { class: 'lock' },
      open ? 'login optional' : 'needs ' + Object.keys(
        operation.security[0]).join(', ')) : null));
  // What is inside is made when it is first opened: a long page begins fast.
  details.addEventListener('toggle', () => {
    if (details.open && details.children.length === 1) {
      details.append(inside(method, path, operation));
    }
  });
  details.dataset.words = [method, path, operation.summary,
    operation.description, ...(operation.tags || [])].join(' ').toLowerCase();
  return details;
}

function showKeys() {
  const schemes = (spec.components || {}).securitySchemes || {};
  const place = document.getElementById('schemes');
  for (const [name, scheme] of Object.entries(schemes)) {
    if (scheme.in === 'cookie') {
      place.append(make('p', { class: 'hint' },
        `${name}: a cookie, which the browser sends by itself.`));
      continue;
    }
    const id = 'key-' + name;
    const input = make('input', { id, type: 'password', autocomplete: 'off',
      placeholder: scheme.scheme === 'basic' ? 'name:password' : 'token' });
    input.addEventListener('input', () => { keys[name] = input.value; });
    place.append(make('div', { class: 'field' },
      make('label', { for: id }, name,
        make('small', {}, scheme.description || '')), input));
  }
  document.getElementById('keys').hidden = !place.children.length;
}

function show() {
  const info = spec.info || {};
  document.getElementById('version').textContent = info.version || '';
  document.getElementById('about').textContent = info.description || '';
  const groups = new Map();
  for (const [path, item] of Object.entries(spec.paths || {})) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      const tag = (operation.tags || [])[0] || path.split('/')[1] || 'root';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(card(method, path, operation));
    }
  }
  const main = document.getElementById('operations');
  for (const [tag, cards] of groups) {
    main.append(make('section', { 'aria-label': tag },
      make('h2', {}, tag), ...cards));
  }
  showKeys();
  const find = document.getElementById('find');
  find.addEventListener('input', filter);
  filter();
  openNamed();
}

function filter() {
  const words = document.getElementById('find').value.toLowerCase().split(
    /\s+/).filter(Boolean);
  let shown = 0;
  for (const section of document.querySelectorAll('section')) {
    let some = false;
    for (const one of section.querySelectorAll('.operation')) {
      one.hidden = !words.every((word) => one.dataset.words.includes(word));
      some = some || !one.hidden;
      shown += !one.hidden;
    }
    section.hidden = !some;
  }
  document.getElementById('state').textContent = shown ? '' :
    words.length ? 'Nothing is like that.' : 'There are no operations.';
}

function openNamed() {
  const name = decodeURIComponent(location.hash.slice(1));
  const one = [name, name + '.'].map((id) => document.getElementById(id)).find(
    (found) => found && found.classList.contains('operation'));
  if (one) {
    if (one.hidden) {
      document.getElementById('find').value = '';
      filter();
    }
    one.open = true;
    one.scrollIntoView();
  }
}

document.addEventListener('keydown', (event) => {
  const find = document.getElementById('find');
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    find.focus();
  } else if (event.key === 'Escape' && event.target === find) {
    find.value = '';
    filter();
  }
});
window.addEventListener('hashchange', openNamed);

fetch(document.body.dataset.document, { credentials: 'same-origin' })
  .then((response) => {
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.json();
  })
  .then((found) => { spec = found; show(); })
  .catch((error) => {
    document.getElementById('state').textContent =
      `The document cannot be read: ${error.message}`;
  });
