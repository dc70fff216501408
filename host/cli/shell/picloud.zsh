#compdef picloud
# Completion of picloud for zsh. In ~/.zshrc, after compinit: source <(picloud completion zsh)
_picloud() {
    local line tab=$'\t'
    local -a found
    while IFS= read -r line; do
        if [[ "$line" == ":files" ]]; then
            _files
            return
        fi
        found+=("${${line%%$tab*}//:/\\:}:${line#*$tab}")
    done < <("${(Q)words[1]}" complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    _describe -t picloud picloud found
}
compdef _picloud picloud
