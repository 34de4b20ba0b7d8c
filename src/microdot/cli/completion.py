"""``microdot completion``: what a shell needs to complete command lines."""
from __future__ import annotations

import re
from typing import NamedTuple

from . import COMMANDS, CommandError
from .client import OPTIONS as CLIENT
from .options import FORMATS, LEVELS, OPTIONS

#: What options of ``run`` may be.
VALUES = {'log-level': LEVELS, 'log-format': FORMATS}

HELP = """\
usage: microdot completion SHELL

Prints what makes bash, zsh or fish complete the command line of microdot:

  bash  eval "$(microdot completion bash)"       in ~/.bashrc
  zsh   eval "$(microdot completion zsh)"        in ~/.zshrc, after compinit
  fish  microdot completion fish | source        in ~/.config/fish/config.fish
"""
BASH = """\
_microdot() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
  local words=""
  if [ "$word" = "=" ]; then
    word=""
  elif [ "$before" = "=" ]; then
    before="${COMP_WORDS[COMP_CWORD-2]}"
  fi
  if [ "$COMP_CWORD" = 1 ]; then
    words="%s"
  else
    case "${COMP_WORDS[1]} $before" in
%s
    esac
    case "$word" in
      -*)
        case "${COMP_WORDS[1]}" in
%s
        esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _microdot microdot
"""
#: zsh understands the same.
ZSH = 'autoload -U +X bashcompinit && bashcompinit\n'
SHELLS = 'bash', 'zsh', 'fish'


class Completed(NamedTuple):
    """An option that is completed."""

    name: str                   # with hyphens
    summary: str = ''
    has_value: bool = False
    values: tuple[str, ...] = ()


def options_of() -> dict[str, list[Completed]]:
    """Return the options of each command that has some."""
    return {
        'run': [Completed('--' + option.name, option.summary,
                          bool(option.metavar), VALUES.get(option.name, ()))
                for option in OPTIONS],
        'routes': [Completed('--json', 'for programs')],
        'new': [Completed('--board', 'for a microcontroller')],
        'openapi': [Completed('--out', 'write to a file', True)],
        'client': [Completed('--' + name, has_value=True) for name in sorted(
            set(CLIENT.values()))],
        'deploy': deploying(),
        'shell': [],
        'completion': [],
    }


def deploying() -> list[Completed]:
    """Return the options of ``microdot deploy``."""
    try:
        from ..deploy.command import make_parser
    except ModuleNotFoundError:
        return []  # it was left out of this installation
    found = dict(re.findall(r'(--[a-z-]+)( [A-Z]+)?',
                            make_parser().format_usage()))
    return [Completed(name, has_value=bool(value))
            for name, value in found.items()]


def for_bash() -> str:
    values = ['      "%s %s") words="%s" ;;' % (
        name, option.name, ' '.join(option.values))
        for name, options in options_of().items()
        for option in options if option.values]
    values.append('      "completion completion") words="%s" ;;'
                  % ' '.join(SHELLS))
    cases = ['          %s) words="%s" ;;' % (name, ' '.join(
        [*(option.name for option in options), '--help']))
        for name, options in options_of().items()]
    return BASH % (' '.join([*COMMANDS, '--help', '--version']),
                   '\n'.join(values), '\n'.join(cases))


def fish(*parts: str) -> str:
    """Return a line for fish, which quotes like Python but for what it has no
    escapes for."""
    return 'complete -c microdot ' + ' '.join(
        part if re.fullmatch('[a-z_-]+', part) else "'%s'" % re.sub(
            r"([\\\\'])", r'\\\1', part) for part in parts)


def for_fish() -> str:
    lines = []
    for name, (_, summary) in COMMANDS.items():
        lines.append(fish('-n', '__fish_use_subcommand', '-f', '-a', name,
                          '-d', summary))
    for name in 'help', 'version':
        lines.append(fish('-n', '__fish_use_subcommand', '-l', name))
    for name, options in options_of().items():
        here = '-n', '__fish_seen_subcommand_from ' + name
        for option in [*options, Completed('--help')]:
            more = ['-d', option.summary] if option.summary else []
            if option.values:
                more += ['-x', '-a', ' '.join(option.values)]
            elif option.has_value:
                more.append('-r')
            lines.append(fish(*here, '-l', option.name[2:], *more))
    lines.append(fish('-n', '__fish_seen_subcommand_from completion', '-f',
                      '-a', ' '.join(SHELLS)))
    return '\n'.join(lines) + '\n'


def command(words: list[str]) -> int:
    """Print the script; return the exit status."""
    if '-h' in words or '--help' in words:
        print(HELP, end='')
        return 0
    scripts = {'bash': for_bash, 'zsh': lambda: ZSH + for_bash(),
               'fish': for_fish}
    if len(words) != 1 or words[0] not in scripts:
        raise CommandError('for which shell? There are %s; see microdot '
                           'completion --help' % ', '.join(SHELLS))
    print(scripts[words[0]](), end='')
    return 0
