//! The first start: a bundle from what the server says of itself.

use std::path::{Path, PathBuf};

use toolgate::{Effect, PolicyBundle, Principal};
use toolgate_guard::Upstream;

use crate::{
    exit::Fault,
    render::{BOLD, DIM, GREEN, YELLOW, note, plain, styled},
    verb::init,
};

/// Behind the server's name, so that a folder is told from others.
const ENDING: &str = "toolgate-bundle";

/// The folder of the bundle for the server of this name, which is written if it is not there.
pub(super) async fn bundle(name: &str, upstream: &Upstream, principal: &Principal) -> Result<PathBuf, Fault> {
    let folder = PathBuf::from(format!("{name}.{ENDING}"));
    if folder.is_dir() {
        let shown = plain(&folder.display().to_string());
        note(&format!("{} {shown}, which is there already", styled(GREEN, "guarding by")));
        return Ok(folder);
    }
    // A package may have to be downloaded first, and a server that says nothing is waited for.
    let shown = plain(&folder.display().to_string());
    note(&styled(DIM, format!("there is no {shown} yet: asking the server for its tools, to write it")));
    let list = toolgate_guard::tools(upstream).await?;
    let lists = [(name, list)];
    let hinted = init::hinted(&lists, |_| Some(format!("the tools/list of `{name}`")))?;
    let origin = match upstream {
        Upstream::Remote(remote) => Some(remote.origin()),
        Upstream::Command(_) => None,
    };
    let (bundle, sources) = init::draft(name, &lists, &hinted, policies(principal), origin.as_deref())?;
    init::write(&folder, &sources)?;
    show(&folder, &bundle);
    Ok(folder)
}

/// What only reads may happen; for the rest, the user is asked.
fn policies(principal: &Principal) -> String {
    let principal = principal.entity();
    format!(
        r#"// Written by `toolgate guard` at its first start. What only reads is allowed; for everything else, you are asked.
// Which tool only reads stands in toolgate.toml: review it there, the server's own word is all that it rests on yet.
@id("you-may-call")
@reason("you may call every tool that is pinned")
permit (
  principal == {principal},
  action in Action::"call",
  resource
);

@id("you-are-asked")
@reason("it does more than read")
@approval("initiator")
forbid (
  principal,
  action,
  resource
)
unless {{ action in Action::"read" }};
"#
    )
}

fn show(folder: &Path, bundle: &PolicyBundle) {
    let shown = plain(&folder.display().to_string());
    note(&format!("{} {shown}, from what the server says of its tools:", styled(GREEN, "wrote")));
    for tool in init::tools(bundle) {
        let verdict = match tool.effect.0 {
            Effect::Read => styled(GREEN, "allowed      "),
            _ => styled(YELLOW, "you are asked"),
        };
        let name = tool.action.split_once('/').map_or(tool.action.as_str(), |(_, name)| name);
        note(&format!("  {verdict}  {}  {}", plain(name), styled(DIM, tool.effect.0.name())));
    }
    note(&format!(
        "{} `{shown}/toolgate.toml`, and change the rules in `{shown}/policies/main.cedar`: what you save counts at once",
        styled(BOLD, "review")
    ));
}
