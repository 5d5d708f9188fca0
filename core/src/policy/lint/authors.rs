//! An author's own schema.

use super::super::{declared::Declared, load::Fragment, schema::OWN_TYPES};
use crate::{
    catalog::Catalog,
    error::{Diagnostic, Place},
};

/// An author's schema may not take toolgate's names or actions, and its resource types must be in `Level` and `Server`.
pub(in crate::policy) fn author_types(
    catalog: &Catalog,
    declared: &Declared,
    fragments: &[Fragment],
    found: &mut Vec<Diagnostic>,
) {
    let used = catalog.mapped_types();
    for one in fragments {
        for (namespace, content) in one.json.as_object().into_iter().flatten() {
            let names =
                |key: &str| content.get(key).and_then(|v| v.as_object()).into_iter().flatten().map(|(name, _)| name);
            if let Some(action) = names("actions").next() {
                let message = format!("the schema declares the action `{action}`; actions come from the tools");
                found.push(Diagnostic::error("author_action", message).at(named(one, action)));
            }
            for name in names("entityTypes") {
                let full = if namespace.is_empty() { name.clone() } else { format!("{namespace}::{name}") };
                if OWN_TYPES.contains(&full.as_str()) {
                    let message = format!("`{full}` is declared by toolgate");
                    let help = "attributes of principals are declared in the manifest: [principals.User.attributes]";
                    found.push(Diagnostic::error("author_type", message).at(named(one, name)).help(help));
                } else if used.contains(full.as_str()) {
                    let missing: Vec<_> = ["Level", "Server"]
                        .into_iter()
                        .filter(|parent| !declared.is_member_of(&full, parent))
                        .collect();
                    if !missing.is_empty() {
                        let message = format!(
                            "`{full}` is a resource of tools, but not in {}: policies on them would never match",
                            missing.join(" and ")
                        );
                        let help = format!("write `entity {name} in [Level, Server] ...`");
                        found.push(Diagnostic::error("resource_ancestry", message).at(named(one, name)).help(help));
                    }
                }
            }
        }
    }
}

fn named(one: &Fragment, name: &str) -> Place {
    let start = one.text.find(&format!("entity {name}")).map(|at| at + "entity ".len()).or_else(|| one.text.find(name));
    start.map_or_else(|| Place::whole(&one.file), |at| Place::new(&one.file, &one.text, at..at + name.len()))
}
