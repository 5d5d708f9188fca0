//! Validation on a few actions that stand for all. Cedar checks a policy once for each action of the schema, each principal and each
//! resource type; but to a policy that reads no argument, tools differ by their groups and their resources alone.
//!
//! Nothing is concluded from a finding: policies with one are validated against the whole schema, and that is what is told.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use cedar_policy::{Schema, ValidationMode, Validator};
use serde_json::{Map, Value as Json};

use super::{
    actions::Actions,
    declared::Declared,
    load::{self, Fragment, Parsed},
    read_paths, threads, validate,
};
use crate::engine::Root;

/// A schema for so many actions costs little more than one for a single action.
const BLOCK: usize = 4;

/// A schema of so many actions costs less than the schemas that it stands for.
const JOINED: usize = 16;

/// What is known of a bundle's actions.
pub(super) struct Samples<'a> {
    actions: &'a Actions<'a>,
    declared: &'a Declared,
    fragments: &'a [Fragment],
    /// For each action, a number that those of the same groups and resource types share.
    kinds: Vec<usize>,
}

impl<'a> Samples<'a> {
    pub(super) fn new(actions: &'a Actions<'a>, declared: &'a Declared, fragments: &'a [Fragment]) -> Self {
        let mut known = BTreeMap::new();
        let kind = |(_, action): &(&_, &'a crate::catalog::Action)| {
            let next = known.len();
            *known.entry((action.resource_types(), actions.ancestry.get(&*action.id))).or_insert(next)
        };
        let kinds = actions.all.iter().map(kind).collect();
        Self { actions, declared, fragments, kinds }
    }

    /// The policies in which there may be something to find.
    pub(super) fn doubtful<'p>(&self, parsed: &'p [Parsed]) -> Vec<&'p Parsed> {
        let mut groups: BTreeMap<BTreeSet<usize>, Vec<usize>> = BTreeMap::new();
        for (place, one) in parsed.iter().enumerate() {
            groups.entry(self.sample(one)).or_default().push(place);
        }
        let groups = joined(groups);
        let doubtful: BTreeSet<usize> = threads::each(&groups, |(sample, places)| self.found(sample, places, parsed))
            .into_iter()
            .flatten()
            .collect();
        doubtful.into_iter().filter_map(|place| parsed.get(place)).collect()
    }

    /// The actions that stand for all that a policy covers: one of each kind that the policy could tell from others, and those
    /// that it names.
    fn sample(&self, one: &Parsed) -> BTreeSet<usize> {
        let reads = read_paths::of(&one.tree);
        let arguments: Vec<&[String]> = reads
            .paths(Root::Context)
            .filter_map(|path| match path {
                [] => Some(path),
                [first, rest @ ..] => (first == "input").then_some(rest),
            })
            .collect();
        let named: HashSet<&str> =
            one.statement.entities.iter().filter(|one| one.kind == "Action").map(|one| one.id.as_str()).collect();
        let covered: HashSet<&str> =
            self.actions.covered(&one.tree.action).into_iter().map(|(_, action)| &*action.id).collect();
        let (mut seen, mut sample) = (BTreeSet::new(), BTreeSet::new());
        for (place, ((_, action), kind)) in self.actions.all.iter().zip(&self.kinds).enumerate() {
            if named.contains(&*action.id) {
                let block = place / BLOCK * BLOCK;
                sample.extend((block..block + BLOCK).filter(|place| *place < self.kinds.len()));
            } else if covered.contains(&*action.id) {
                let types: Vec<_> = arguments.iter().map(|path| self.argument(&action.id, path)).collect();
                if seen.insert((*kind, types)) {
                    sample.insert(place);
                }
            }
        }
        sample
    }

    /// What the schema says of an argument, or of all of them.
    fn argument(&self, action: &str, path: &[String]) -> Option<String> {
        let own = ["", "actions", action, "appliesTo", "context", "attributes", "input"];
        let input = own.iter().try_fold(&self.declared.own, |json, key| json.get(key))?;
        let argument = match path.first() {
            None => Some(input),
            Some(name) => input.get("attributes")?.get(name.as_str()),
        };
        argument.map(Json::to_string)
    }

    /// Those of some policies in which Cedar finds something, given these actions.
    fn found(&self, sample: &BTreeSet<usize>, places: &[usize], parsed: &[Parsed]) -> Vec<usize> {
        let all = || places.to_vec();
        let Some(schema) = self.schema(sample) else { return all() };
        let policies = || places.iter().filter_map(|place| parsed.get(*place));
        let mut untold = Vec::new();
        let set = validate::set(policies(), &mut untold);
        let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
        let told = result.validation_errors().map(|error| error.policy_id());
        let told: HashSet<&str> =
            told.chain(result.validation_warnings().map(|warning| warning.policy_id())).map(|id| id.as_ref()).collect();
        if !untold.is_empty() || (told.is_empty() && !result.validation_passed()) {
            return all();
        }
        let is_told = |place: &usize| parsed.get(*place).is_none_or(|one| told.contains(&*one.policy.id));
        places.iter().copied().filter(is_told).collect()
    }

    /// The schema without the other tools' actions. Groups stay.
    fn schema(&self, sample: &BTreeSet<usize>) -> Option<Schema> {
        let wanted: HashSet<&str> =
            sample.iter().filter_map(|place| self.actions.all.get(*place)).map(|(_, action)| &*action.id).collect();
        let mut namespaces = Map::new();
        for (name, content) in self.declared.own.as_object()? {
            let mut kept = Map::new();
            for (key, members) in content.as_object()? {
                let members = match (key.as_str(), members) {
                    ("actions", Json::Object(actions)) => {
                        let kept = |(id, action): &(&String, &Json)| {
                            action.get("appliesTo").is_none() || wanted.contains(id.as_str())
                        };
                        let actions = actions.iter().filter(kept);
                        Json::Object(actions.map(|(id, action)| (id.clone(), action.clone())).collect())
                    }
                    _ => members.clone(),
                };
                kept.insert(key.clone(), members);
            }
            namespaces.insert(name.clone(), Json::Object(kept));
        }
        load::build(Json::Object(namespaces), self.fragments, &mut Vec::new())
    }
}

/// Samples joined where one schema will do for all of them: among more actions a policy is found as doubtful as before.
fn joined(groups: BTreeMap<BTreeSet<usize>, Vec<usize>>) -> Vec<(BTreeSet<usize>, Vec<usize>)> {
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(sample, _)| std::cmp::Reverse(sample.len()));
    let mut joined: Vec<(BTreeSet<usize>, Vec<usize>)> = Vec::new();
    for (sample, places) in groups {
        let fits = |(wider, _): &&mut (BTreeSet<usize>, _)| wider.len() <= JOINED && sample.is_subset(wider);
        match joined.iter_mut().find(fits) {
            Some((_, others)) => others.extend(places),
            None => joined.push((sample, places)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sources, catalog};

    const MANIFEST: &str = r#"
        [bundle]
        name = "sample"
        version = "1"
        [servers.x]
        [tools."x/a"]
        effect = "read"
        [tools."x/b"]
        effect = "read"
        [tools."x/c"]
        effect = "write"
        [tools."x/d"]
        effect = "read"
        resource = { type = "Account", id = "{/s}" }
    "#;
    const TOOLS: &str = r#"{"tools": [
        {"name": "a", "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string"}}}},
        {"name": "b", "inputSchema": {"type": "object", "properties": {"n": {"type": "string"}, "s": {"type": "string"}}}},
        {"name": "c", "inputSchema": {"type": "object"}},
        {"name": "d", "inputSchema": {"type": "object", "required": ["s"], "properties": {"s": {"type": "string"}}}}
    ]}"#;

    /// Where Cedar finds something given all actions, the policy is in doubt; `clean`: it is not.
    fn check(scope: &str, condition: &str, clean: bool) {
        let mut sources = Sources::default();
        sources.insert("toolgate.toml", MANIFEST);
        sources.insert("tools/x.json", TOOLS);
        let (catalog, _) = catalog::load(&sources);
        let fragments = load::fragments(&sources, &mut Vec::new());
        let (declared, schema) = load::schemas(&catalog, &fragments, &sources, &mut Vec::new()).unwrap();
        let text = format!("@id(\"p\") permit (principal, {scope}) when {{ {condition} }};");
        let parsed = load::parse(&"p.cedar".into(), &text, &mut Vec::new());
        assert_eq!(parsed.len(), 1, "{text}");
        let actions = Actions::of(&catalog);
        let doubtful = Samples::new(&actions, &declared, &fragments).doubtful(&parsed);
        let set = validate::set(&parsed, &mut Vec::new());
        let told = Validator::new(schema).validate(&set, ValidationMode::Strict);
        let nothing = told.validation_passed_without_warnings();
        assert!(nothing || !doubtful.is_empty(), "{text}: {:?}", told.validation_errors().collect::<Vec<_>>());
        assert_eq!(doubtful.is_empty(), clean, "{text}");
    }

    #[test]
    fn what_cedar_finds_is_found_among_few() {
        check("action, resource", "context.delegation.depth < 3", true);
        check("action, resource", "context.input.n > 1", false);
        check("action, resource", "context.task.purpose == \"x\"", false);
        check("action, resource", "context has task && context.task.purpose == \"x\"", true);
        check("action, resource", "false", false);
        check("action in Action::\"read\", resource", "context.input has n && context.input.n > 1", false);
        check("action == Action::\"x/a\", resource", "context.input has n && context.input.n > 1", true);
        check("action == Action::\"x/b\", resource", "context.input has n && context.input.n > 1", false);
        check(
            "action, resource",
            "action == Action::\"x/b\" && context.input has n && context.input.n like \"*\"",
            true,
        );
        check("action, resource", "action == Action::\"x/b\" && context.input has n && context.input.n > 1", false);
        check("action, resource", "action in [Action::\"x/a\"] && context.input.s == \"q\"", false);
        check("action, resource", "context.input.s == \"q\"", false);
        check("action == Action::\"x/d\", resource", "context.input.s == \"q\"", true);
        check("action, resource is Account", "context.input.s == \"q\"", true);
        check("action, resource is Account", "resource.owner == \"q\"", false);
        check("action, resource", "resource.owner == \"q\"", false);
        check("action, resource is Tool", "resource.owner == \"q\"", true);
        check("action == Action::\"x/c\", resource is Account", "true", false);
        check("action, resource", "(if context.halted then context else context).input has n", true);
        check("action, resource", "action == Action::\"x/e\"", false);
    }
}
