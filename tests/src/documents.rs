//! The commands that a document tells people to type.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// How a document says, visibly, that a block is not run by the tests, and why.
const NOT_RUN: &str = "# not run by the tests: ";

/// One command, or a block that only makes sense whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The first line of it in the document.
    pub line: usize,
    /// What is typed; continued lines are joined, comments behind it are gone.
    pub command: String,
    /// Why the tests do not run it.
    pub not_run: Option<String>,
}

/// A manifest or another file that a document shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The language of its fence.
    pub language: String,
    /// The text.
    pub text: String,
}

/// Everything of a document that a reader types or copies, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Commands: those of fenced blocks without a language or of `sh`, and of tables whose first column is headed "command".
    pub steps: Vec<Step>,
    /// Blocks of other languages.
    pub shown: Vec<Shown>,
}

impl Document {
    /// Reads a Markdown file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let mut document = Self::default();
        let mut lines = text.lines().enumerate();
        let mut table_of_commands = false;
        while let Some((number, line)) = lines.next() {
            if let Some(language) = line.strip_prefix("```") {
                let mut block = Vec::new();
                loop {
                    match lines.next() {
                        Some((_, "```")) => break,
                        Some((number, line)) => block.push((number + 1, line)),
                        None => bail!("the block of line {} does not end", number + 1),
                    }
                }
                match language {
                    "" | "sh" => document.steps.extend(steps(&block)),
                    _ => {
                        let text: String = block.iter().map(|(_, line)| format!("{line}\n")).collect();
                        document.shown.push(Shown { language: language.to_owned(), text });
                    }
                }
            } else if line.starts_with('|') {
                let first = line.split('|').nth(1).unwrap_or_default().trim();
                table_of_commands |= first == "command";
                let command = first.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
                if let Some(command) = command.filter(|_| table_of_commands) {
                    document.steps.push(Step { line: number + 1, command: command.to_owned(), not_run: None });
                }
            } else {
                table_of_commands = false;
            }
        }
        Ok(document)
    }
}

/// Of one block: each command is a step, but a block with a here-document or a marked one is one step. A picture is none.
fn steps(block: &[(usize, &str)]) -> Vec<Step> {
    let Some((first, _)) = block.first() else { return Vec::new() };
    let whole = || block.iter().map(|(_, line)| format!("{line}\n")).collect::<String>();
    let marked = block.iter().find_map(|(_, line)| line.strip_prefix(NOT_RUN));
    if let Some(why) = marked {
        return vec![Step { line: *first, command: whole(), not_run: Some(why.to_owned()) }];
    }
    if block.iter().any(|(_, line)| line.contains("---->") || line.contains("+----")) {
        return Vec::new();
    }
    let mut steps: Vec<Step> = Vec::new();
    let (mut open, mut document): (bool, Option<String>) = (false, None);
    for (number, line) in block {
        if let (Some(end), Some(step)) = (&document, steps.last_mut()) {
            step.command.push_str(&format!("\n{line}"));
            if line == end {
                document = None;
            }
            continue;
        }
        let line = line.split(" #").next().unwrap_or_default().trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (text, continued) = line.strip_suffix('\\').map_or((line, false), |text| (text, true));
        match steps.last_mut().filter(|_| open) {
            Some(step) => step.command.push_str(text.trim_start()),
            None => steps.push(Step { line: *number, command: text.to_owned(), not_run: None }),
        }
        open = continued;
        document = line.split_once("<<").map(|(_, end)| end.trim_matches(['\'', '"', ' ', '-']).to_owned());
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_blocks_and_tables() {
        let text = "\
Text with `code`.

```
one --flag \\
  two        # why
cat > f <<'END'
a # b

END
```

```sh
# not run by the tests: it takes long
make everything
```

```yaml
a: b
```

| command | does |
|---|---|
| `three` | it |

| flag | means |
|---|---|
| `--flag` | it |
";
        let document = Document::parse(text).expect("a document");
        let commands: Vec<_> = document.steps.iter().map(|step| (step.line, step.command.as_str())).collect();
        let marked = "# not run by the tests: it takes long\nmake everything\n";
        let wanted = [(4, "one --flag two"), (6, "cat > f <<'END'\na # b\n\nEND"), (13, marked), (23, "three")];
        assert_eq!(commands, wanted);
        assert_eq!(document.steps[2].not_run.as_deref(), Some("it takes long"));
        assert_eq!(document.shown, [Shown { language: "yaml".into(), text: "a: b\n".into() }]);
    }
}
