# Completion of picloud for fish. In ~/.config/fish/config.fish: picloud completion fish | source
function __picloud_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
    if test "$found[1]" = ":files"
        __fish_complete_path "$current"
        return
    end
    printf '%s\n' $found
end
complete -c picloud -f -a '(__picloud_complete)'
