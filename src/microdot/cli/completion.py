"""``microdot completion``: what a shell needs to complete command lines."""
from __future__ import annotations

from . import COMMANDS, CommandError
from .client import OPTIONS as CLIENT
from .options import OPTIONS

HELP = """\
usage: microdot completion SHELL

Prints what makes bash, zsh or fish complete the command line of microdot:

  bash  eval "$(microdot completion bash)"       in ~/.bashrc
  zsh   eval "$(microdot completion zsh)"        in ~/.zshrc, after compinit
  fish  microdot completion fish | source        in ~/.config/fish/config.fish
"""
BASH = """\
_microdot() {
  local word="${COMP_WORDS[COMP_CWORD]}" words=""
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W "%s" -- "$word"))
    return
  fi
  case "$word" in
    -*)
      case "${COMP_WORDS[1]}" in
%s
      esac
      COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
    *)
      COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _microdot microdot
"""
#: zsh understands the same.
ZSH = 'autoload -U +X bashcompinit && bashcompinit\n'


def options_of() -> dict[str, list[str]]:
    """Return the options of each command that has some."""
    return {
        'run': ['--' + option.name for option in OPTIONS],
        'routes': ['--json'],
        'new': ['--board'],
        'openapi': ['--out'],
        'client': [name for name in CLIENT if name[:2] == '--'],
        'completion': [],
    }


def for_bash() -> str:
    cases = ['        %s) words="%s" ;;' % (name, ' '.join(
        [*options, '--help'])) for name, options in options_of().items()]
    return BASH % (' '.join(COMMANDS), '\n'.join(cases))


def for_fish() -> str:
    lines = []
    for name, (_, summary) in COMMANDS.items():
        lines.append("complete -c microdot -n __fish_use_subcommand -f -a %s "
                     "-d '%s'" % (name, summary))
    for name, options in options_of().items():
        for option in options:
            lines.append("complete -c microdot -n '__fish_seen_subcommand_"
                         "from %s' -l %s" % (name, option[2:]))
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
                           'completion --help' % ', '.join(scripts))
    print(scripts[words[0]](), end='')
    return 0
