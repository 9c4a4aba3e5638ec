package completing

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Rules say how a tree of commands is completed. What they do not name has no values, and no
// files.
type Rules struct {
	Args  map[string]cobra.CompletionFunc // by the path of the command
	Flags map[string]cobra.CompletionFunc // by name, or by "PATH --NAME" for one command
}

// Files completes the names of files with these extensions, or of any.
func Files(extensions ...string) cobra.CompletionFunc {
	if len(extensions) == 0 {
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	}
	return cobra.FixedCompletions(extensions, cobra.ShellCompDirectiveFilterFileExt)
}

// Folders completes the names of folders.
var Folders = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)

// FirstArg completes only the first argument.
func FirstArg(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, NoValues
		}
		return complete(cmd, args, prefix)
	}
}

// Install adds the rules to a command and those below it.
func (r Rules) Install(cmd *cobra.Command) {
	path := cmd.CommandPath()
	if cmd.ValidArgs == nil && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = or(r.Args[path])
	}
	flag := func(f *pflag.Flag) {
		complete := r.Flags[path+" --"+f.Name]
		if complete == nil {
			complete = r.Flags[f.Name]
		}
		// It fails for a flag that is completed already, which then stays so.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, or(complete))
	}
	cmd.PersistentFlags().VisitAll(flag)
	cmd.LocalNonPersistentFlags().VisitAll(flag)
	for _, sub := range cmd.Commands() {
		r.Install(sub)
	}
}

func or(complete cobra.CompletionFunc) cobra.CompletionFunc {
	if complete == nil {
		return cobra.NoFileCompletions
	}
	return complete
}
