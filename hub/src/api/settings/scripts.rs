//! Whether scripts are Lua: parsed here, run by agents alone.

use mlua::chunk::ChunkMode;
use mlua::{Lua, LuaOptions, StdLib};
use windlass_domain::customization::{Customizations, Problem};

/// What parsing one may take.
const MEMORY: usize = 64 << 20;

/// Looks at every script; the first that does not parse is named with its line.
pub(super) fn check(customizations: &Customizations) -> Result<(), Problem> {
    let health = customizations.health.iter().map(|(kind, script)| ("health", kind, String::new(), script));
    let actions = customizations.actions.iter().flat_map(|(kind, actions)| {
        let discovery = std::iter::once(("actions", kind, "discovery.lua: ".to_owned(), &actions.discovery));
        let named = |name: &str| format!("{name}: ");
        discovery.chain(actions.definitions.iter().map(move |a| ("actions", kind, named(&a.name), &a.script)))
    });
    for (what, kind, part, script) in health.chain(actions) {
        parse(script).map_err(|(line, problem)| Problem {
            key: format!("resource.customizations.{what}.{}", kind.replace('/', "_")),
            line,
            problem: format!("{part}{problem}"),
        })?;
    }
    Ok(())
}

/// The line, and what is wrong there.
fn parse(script: &str) -> Result<(), (Option<usize>, String)> {
    let said = |error: mlua::Error| {
        let text = error.to_string();
        let text = text.lines().next().unwrap_or_default();
        let text = text.split_once("script:").map_or(text, |(_, rest)| rest);
        match text.split_once(": ").and_then(|(line, why)| Some((line.parse().ok()?, why))) {
            Some((line, why)) => (Some(line), format!("it is no Lua: {why}")),
            None => (None, format!("it is no Lua: {text}")),
        }
    };
    let lua = Lua::new_with(StdLib::NONE, LuaOptions::default()).map_err(said)?;
    lua.set_memory_limit(MEMORY).map_err(said)?;
    lua.load(script).set_name("=script").set_mode(ChunkMode::Text).into_function().map(|_| ()).map_err(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_is_no_lua_is_named_with_its_line() {
        let with = |script: &str| Customizations {
            health: [("apps/Deployment".to_owned(), script.to_owned())].into(),
            ..Customizations::default()
        };
        assert_eq!(check(&with("hs = {}\ngoto done\n::done::\nreturn hs")), Ok(()));
        let problem = check(&with("hs = {}\nif then\nreturn hs")).expect_err("no Lua").to_string();
        assert!(
            problem.starts_with("resource.customizations.health.apps_Deployment, line 2: it is no Lua"),
            "{problem}"
        );
        assert!(check(&with("\u{1b}LJ\u{2}")).is_err(), "precompiled code");
    }
}
