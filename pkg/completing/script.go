package completing

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Shells are those with completions.
var Shells = []string{"bash", "zsh", "fish", "powershell"}

// Script returns the completion script of a root command for one of the Shells.
func Script(root *cobra.Command, shell string) (text string, err error) {
	var b bytes.Buffer
	switch shell {
	case "bash":
		if err = root.GenBashCompletionV2(&b, true); err == nil {
			return mendBash(b.String())
		}
	case "zsh":
		err = root.GenZshCompletion(&b)
	case "fish":
		err = root.GenFishCompletion(&b, true)
	case "powershell":
		err = root.GenPowerShellCompletionWithDesc(&b)
	default:
		err = fmt.Errorf("no completions for the shell %q", shell)
	}
	return b.String(), err
}

// bashChanges are what cobra's script lacks: it requires the package bash-completion, and it
// does not escape the common prefix of several values, such as names with spaces.
//
// The text from old up to before is changed; without before, only old is.
var bashChanges = []struct{ old, changed, before string }{
	{`    _get_comp_words_by_ref "$@" cur prev words cword
}
`, `    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    # Without bash-completion: words that bash has split, as at : and =, have no space between.
    local i word rest=${COMP_LINE:0:COMP_POINT}
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ $i == 0 || $rest == [[:space:]]* ]]; then
            rest=${rest#"${rest%%[![:space:]]*}"}
            words+=("")
        fi
        word=${COMP_WORDS[i]}
        ((i == COMP_CWORD)) && word=$rest
        rest=${rest#"$word"}
        words[${#words[@]}-1]+=$word
    done
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=${words[cword > 0 ? cword - 1 : 0]}
}

# Files with an extension of ext|ext|, and folders; with -d only folders.
__narada_filedir()
{
    if declare -F _filedir >/dev/null 2>&1; then
        _filedir "$@"
        return
    fi
    local kind=-f file
    [[ ${1-} == -d ]] && kind=-d
    while IFS= read -r file; do
        if [[ $kind == -d || -z ${1-} || -d $file || "|$1" == *"|${file##*.}|"* ]]; then
            COMPREPLY+=("$file")
        fi
    done < <(compgen "$kind" -- "$cur")
    compopt -o filenames 2>/dev/null
}
`, ""},
	{`filteringCmd="_filedir $fullFilter"`, `filteringCmd="__narada_filedir $fullFilter"`, ""},
	{`>/dev/null 2>&1 && _filedir -d &&`, `>/dev/null 2>&1 && __narada_filedir -d &&`, ""},
	{"            _filedir -d\n", "            __narada_filedir -d\n", ""},
	{"                    _filedir\n", "                    __narada_filedir\n", ""},
	{`    if [[ "${completions[*]}" != *$tab* ]]; then`, `    if false; then`, ""},
	{`        # The completions matches.`, `        # It is escaped, since bash inserts the common prefix of several as it is.
        COMPREPLY+=("$comp${compline#"${compline%%$tab*}"}")
`, `        if ((${#comp}>longest)); then`},
	{`COMPREPLY[0]=$(printf "%q" "${COMPREPLY[0]%%$tab*}")`, `COMPREPLY[0]=${COMPREPLY[0]%%$tab*}`, ""},
}

func mendBash(script string) (string, error) {
	for _, c := range bashChanges {
		head, tail, ok := strings.Cut(script, c.old)
		if i := strings.Index(tail, c.before); ok && i >= 0 && !strings.Contains(tail, c.old) {
			script = head + c.changed + tail[i:]
			continue
		}
		return "", fmt.Errorf("cobra's script for bash has changed: not once %q", c.old)
	}
	return script, nil
}
