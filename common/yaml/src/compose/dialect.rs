//! Where the parser, which knows YAML 1.2, accepts what go-yaml (YAML 1.1) refuses or reads in
//! another way. Refusing is the safe answer to both.

/// go-yaml ends an anchor's name at the first other character, so that `&a:` before a line end is
/// an anchor and a null key.
pub(super) fn check_anchor(name: &str) -> Result<(), &'static str> {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        Ok(())
    } else {
        Err("the name of an anchor may only have ASCII letters, digits, `_` and `-`")
    }
}

/// A plain scalar in a flow collection, with the text that follows it.
///
/// There, go-yaml takes `?` and a leading `:` as indicators, and a `:` that has no blank after it
/// as a part of the text: `[a:]` is the text `a:` for it, but a mapping in YAML 1.2.
pub(super) fn check_flow_scalar(text: &str, after: &str) -> Result<(), &'static str> {
    if text.contains('?') || text.starts_with(':') {
        return Err("`?` and a leading `:` need quotes inside `[]` and `{}`");
    }
    match after.strip_prefix(':') {
        Some(after) if after.starts_with([',', '[', ']', '{', '}']) => {
            Err("a `:` inside `[]` and `{}` needs a blank after it, or quotes")
        }
        _ => Ok(()),
    }
}

/// What follows a tag in a flow collection; for go-yaml a comma is a part of the tag.
pub(super) fn check_flow_tag(after: &str) -> Result<(), &'static str> {
    if after.starts_with(',') { Err("a tag inside `[]` and `{}` needs a blank before `,`") } else { Ok(()) }
}

/// The content of a block scalar that is the whole document, from a line's start.
///
/// go-yaml wants its lines indented, and reads it as empty (and ignores the rest) when they are not.
pub(super) fn check_root_block(source: &str) -> Result<(), &'static str> {
    match source.lines().find(|line| !line.trim_start_matches(' ').is_empty()) {
        Some(line) if !line.starts_with(' ') => Err("the lines of a block scalar need indentation"),
        _ => Ok(()),
    }
}
