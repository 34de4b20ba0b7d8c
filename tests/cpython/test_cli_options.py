"""Options, environment, ``pyproject.toml``, files of variables."""

import pytest

from microdot.cli import CommandError, envfile, options


def gather(words, environ=None):
    warnings = []
    settings = options.gather(list(words), environ or {}, warnings.append)
    return settings, warnings


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(words, environ=None):
    with pytest.raises(CommandError) as caught:
        gather(words, environ)
    assert caught.value.status == 2
    assert '\n' not in caught.value.text
    return caught.value.text


def test_defaults_are_for_this_computer():
    settings, _ = gather([])
    assert (settings.host, settings.port) == ('127.0.0.1', 5000)
    assert settings.app is None
    assert not settings.debug


def test_options_are_read_in_both_forms():
    settings, _ = gather(['shop.py', '--port=80', '--host', '::', '--debug',
                          '--limit', 'max_headers=5', '--limit=a=1.5',
                          '--tls-cert', 'c', '--tls-key', 'k'])
    assert settings.app == 'shop.py'
    assert (settings.port, settings.host) == (80, '::')
    assert settings.debug
    assert settings.limit == (('max_headers', 5), ('a', 1.5))


@pytest.mark.parametrize('words, said', [
    (['--prot', '1'], 'there is no option --prot; did you mean --port?'),
    (['--port'], '--port needs a value: --port PORT'),
    (['--port', '--debug'], '--port needs a value'),
    (['--port', '65536'], '--port: a port, 0 to 65535 expected'),
    (['--port', '1_000'], '--port: a port'),
    (['--workers', '0'], '--workers: a number of processes, 1 to 512'),
    (['--workers', '513'], '--workers: a number of processes'),
    (['--debug=yes'], '--debug takes no value'),
    (['a', 'b'], 'one APP, not two'),
    (['--log-format', 'xml'], 'one of text, json expected'),
    (['--limit', 'max_headers'], 'NAME=VALUE'),
    (['--limit', 'max_headers=many'], 'a number such as'),
    (['--root-path', 'shop'], 'begins with one /'),
    (['--root-path', '//shop'], 'begins with one /'),
    (['--uds', 'a', '--fd', '3'], 'either --uds or --fd'),
    (['--uds', 'a', '--port', '80'], 'either --uds or --port, not both'),
    (['--fd', '3', '--host', '::'], 'either --fd or --host, not both'),
    (['--tls-cert', 'a'], 'belong together'),
    (['--self-signed', '--tls-cert', 'a', '--tls-key', 'b'], 'either'),
])
def test_wrong_command_line_is_one_line(words, said):
    assert said in refused(words)


@pytest.mark.parametrize('text, value', [
    ('20', 20), ('0.5', 0.5), ('64KiB', 65536), ('2 mib', 2 << 20),
    ('none', None), ('1e3', 1000.0)])
def test_value_of_a_limit_is_read(text, value):
    assert options.read_limit_value(text) == value


@pytest.mark.parametrize('text', ['-1', 'inf', 'nan', '', 'x', '1 2'])
def test_value_that_is_no_limit_is_refused(text):
    with pytest.raises(ValueError):
        options.read_limit_value(text)


def test_each_option_is_in_the_environment():
    settings, warnings = gather([], {
        'MICRODOT_PORT': '81', 'MICRODOT_NO_ACCESS_LOG': '1',
        'MICRODOT_RELOAD': 'off', 'MICRODOT_APP': 'shop:app',
        'MICRODOT_PROXY': '10.0.0.1, 10.0.0.2', 'PORT': '7'})
    assert settings.port == 81
    assert settings.no_access_log and not settings.reload
    assert settings.app == 'shop:app'
    assert settings.proxy == ('10.0.0.1', '10.0.0.2')
    assert warnings == []


def test_unknown_name_in_the_environment_is_a_warning():
    settings, warnings = gather([], {'MICRODOT_PROT': '81'})
    assert settings.port == 5000
    assert warnings == ['MICRODOT_PROT is set, but there is no such option; '
                        'did you mean MICRODOT_PORT?']


def test_wrong_value_in_the_environment_names_the_variable():
    assert 'MICRODOT_PORT: a port' in refused([], {'MICRODOT_PORT': 'x'})


def test_project_file_is_read(folder):
    (folder / 'pyproject.toml').write_text("""\
[tool.microdot]
app = 'shop:app'
port = 82
log-format = 'json'
no_access_log = true
proxy = ['10.0.0.1', '10.0.0.2']
limit = {max_headers = 7}
""")
    settings, _ = gather([])
    assert settings.app == 'shop:app'
    assert (settings.port, settings.log_format) == (82, 'json')
    assert settings.no_access_log
    assert settings.proxy == ('10.0.0.1', '10.0.0.2')
    assert settings.limit == (('max_headers', 7),)


def test_option_wins_over_environment_over_file(folder):
    (folder / 'pyproject.toml').write_text(
        '[tool.microdot]\nport = 1\nhost = "a"\nroot-path = "/a"\n')
    settings, _ = gather(['--port', '3'], {
        'MICRODOT_PORT': '2', 'MICRODOT_HOST': 'b'})
    assert (settings.port, settings.host, settings.root_path) == \
        (3, 'b', '/a')


def test_socket_that_is_typed_wins_over_a_port_set_elsewhere(folder):
    settings, _ = gather(['--uds', 'sock'], {'MICRODOT_PORT': '80'})
    assert (settings.uds, settings.port) == ('sock', 80)


def test_flag_can_be_taken_back():
    settings, _ = gather(['--no-debug', '--access-log'], {
        'MICRODOT_DEBUG': '1', 'MICRODOT_NO_ACCESS_LOG': '1'})
    assert not settings.debug and not settings.no_access_log


@pytest.mark.parametrize('text, said', [
    ('[tool.microdot]\n\nprot = 1\n', 'pyproject.toml, line 3: prot: there '
     'is no such option; did you mean port?'),
    ('[tool.x]\nport = "a"\n[tool.microdot]\nport = "a"\n',
     "pyproject.toml, line 4: port: a port, 0 to 65535 expected, not 'a'"),
    ('[tool.microdot]\nport = true\n', 'line 2: port: a port'),
    ('[tool.microdot]\ndebug = 1\n', 'line 2: debug: true or false'),
    ('[tool.microdot]\napp = 1\n', 'line 2: app: text'),
    ('[tool]\nmicrodot = 1\n', 'microdot is not a table'),
    ('[tool.microdot]\nport = \n', 'line 2'),
    ('[tool.microdot]\nport = 1\nport = 2\n', 'pyproject.toml'),
])
def test_bad_project_file_names_file_line_and_key(folder, text, said):
    (folder / 'pyproject.toml').write_text(text)
    text = refused([])
    assert text.startswith('pyproject.toml')
    assert said in text


def test_project_file_of_others_is_not_parsed(folder):
    (folder / 'pyproject.toml').write_text('this = is [not toml')
    assert gather([])[0].port == 5000


def test_python_without_a_parser_says_that_it_was_not_read(
        folder, monkeypatch):
    (folder / 'pyproject.toml').write_text('[tool.microdot]\nport = 1\n')
    monkeypatch.setattr(options, 'load_parser', lambda: None)
    settings, warnings = gather([])
    assert settings.port == 5000
    assert len(warnings) == 1 and 'tomli' in warnings[0]


# --- Files of variables

def test_file_of_variables_is_parsed(folder):
    (folder / '.env').write_text("""\
# a comment
A=1
export B = two words  # a comment
C="a # \\"b\\"\\n"
D='raw \\n'  # a comment
E=
F=a#b
""")
    assert envfile.parse_file('.env') == {
        'A': '1', 'B': 'two words', 'C': 'a # "b"\n', 'D': 'raw \\n',
        'E': '', 'F': 'a#b'}


@pytest.mark.parametrize('line', ['A', '=1', 'A B=1', 'A="x', "A='x' y"])
def test_bad_line_is_named(folder, line):
    (folder / '.env').write_text('X=1\n%s\n' % line)
    with pytest.raises(CommandError) as caught:
        envfile.parse_file('.env')
    assert '.env, line 2' in caught.value.text


def test_file_at_its_largest_is_read(folder, monkeypatch):
    monkeypatch.setattr(envfile, 'MAX_SIZE', 10)
    (folder / '.env').write_text('A=%s' % ('x' * 8))
    assert envfile.parse_file('.env') == {'A': 'x' * 8}
    for more in (9, 9000):
        (folder / '.env').write_text('A=%s' % ('x' * more))
        with pytest.raises(CommandError):
            envfile.parse_file('.env')


def test_file_of_variables_has_options_too(folder):
    (folder / '.env').write_text('MICRODOT_PORT=83\nMICRODOT_HOST=a\n')
    settings, _ = gather(['--env', '.env'], {'MICRODOT_HOST': 'b'})
    assert (settings.port, settings.host) == (83, 'b')


def test_missing_file_of_variables_is_said():
    assert '--env x.env: No such file' in refused(['--env', 'x.env'])


def test_file_overrides_nothing_that_is_set(folder, monkeypatch):
    (folder / '.env').write_text('CLI_A=file\nCLI_B=file\n')
    monkeypatch.setenv('CLI_A', 'set')
    monkeypatch.setenv('CLI_B', '')
    monkeypatch.delenv('CLI_B')
    envfile.load('.env')
    import os
    assert (os.environ['CLI_A'], os.environ['CLI_B']) == ('set', 'file')


# --- Settings for another process

def test_what_was_set_survives_being_handed_on():
    settings, _ = gather(['x', '--port', '0', '--limit', 'a=1'])
    again = options.Settings(settings.values())
    assert again.values() == settings.values()
    assert again.given == settings.given
