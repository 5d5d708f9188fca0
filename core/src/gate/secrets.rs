//! What must not be shown of a call: the arguments that the input schema marks `writeOnly` or `format: password`.

use crate::{
    ToolCall,
    catalog::{Admitted, percent_encode},
    engine::Var,
    gather::order,
    json::{Json, Number, Step, values_at},
};

/// What stands where a value must not.
pub(super) const HIDDEN: &str = "[hidden]";

/// Shorter secrets are only hidden where they stand, since they can stand in anything.
const TELLING: usize = 4;

/// The secrets of a call.
#[derive(Default)]
pub(super) struct Secrets {
    /// Their paths in `context.input`; what is below one, or in an array, is one too.
    paths: Vec<Vec<String>>,
    /// What they are, to find them in what is made of arguments: resources, destinations, messages.
    texts: Vec<String>,
}

impl Secrets {
    pub(super) fn of(call: &ToolCall, admitted: Option<&Admitted<'_>>) -> Self {
        let pointers = admitted.map_or(&[][..], |admitted| admitted.tool.shape.secrets());
        let paths = pointers.iter().map(|pointer| {
            let names = pointer.0.iter().map_while(|step| match step {
                Step::Member(name) => Some(name.clone()),
                Step::Each => None,
            });
            names.collect()
        });
        let values = pointers.iter().flat_map(|pointer| values_at(&pointer.0, &call.input));
        Self { paths: paths.collect(), texts: texts(values) }
    }

    /// Whether what stands at a path is, or holds, a secret.
    pub(super) fn hides(&self, root: Var, names: &[&str]) -> bool {
        let below = |path: &Vec<String>| names.iter().skip(1).zip(path).all(|(name, own)| name == own);
        root == Var::Context && names.first().is_none_or(|first| *first == "input") && self.paths.iter().any(below)
    }

    /// A text without the secrets in it.
    pub(super) fn out_of(&self, mut text: String) -> String {
        for secret in self.texts.iter().filter(|secret| secret.chars().count() >= TELLING) {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        text
    }
}

/// What values are as texts.
fn texts<'v>(values: impl IntoIterator<Item = &'v Json>) -> Vec<String> {
    let mut texts = Vec::new();
    values.into_iter().for_each(|value| scalars(value, &mut texts));
    // One may begin as another does: the longer ones first.
    order(&mut texts, |a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    texts.dedup();
    texts
}

/// The strings and numbers in a value, as they are written raw, in Cedar and in the id of a resource. As deep as the
/// arguments, which were bounded.
fn scalars(value: &Json, out: &mut Vec<String>) {
    match value {
        Json::String(text) => {
            out.push(text.clone());
            out.push(text.escape_debug().to_string());
            // A mapping may fold what it encodes.
            for text in [text.as_str(), &text.to_ascii_lowercase()] {
                let mut encoded = String::new();
                percent_encode(text, &mut encoded);
                out.push(encoded);
            }
        }
        Json::Number(Number::Int(number)) => out.push(number.to_string()),
        Json::Array(items) => items.iter().for_each(|item| scalars(item, out)),
        Json::Object(members) => members.values().for_each(|member| scalars(member, out)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a text that was made of secrets.
    #[test]
    fn secrets_in_what_is_made_of_them() {
        let check = |input: &str, text: &str, expected: &str| {
            let input = Json::parse(input.as_bytes()).unwrap();
            let secrets = Secrets { paths: Vec::new(), texts: texts([&input]) };
            assert_eq!(secrets.out_of(text.to_owned()), expected, "{input}");
        };
        check(r#"["hunter2"]"#, "File::\"a/hunter2\"", "File::\"a/[hidden]\"");
        check(r#"["a/B c!"]"#, "File::\"a%2FB%20c%21\"", "File::\"[hidden]\"");
        // As a mapping with `fold_case` writes it.
        check(r#"["a/B c!"]"#, "File::\"a%2Fb%20c%21\"", "File::\"[hidden]\"");
        // One secret may begin as another does.
        check(r#"["hunter", "hunter2-and-more"]"#, "File::\"hunter2-and-more\"", "File::\"[hidden]\"");
    }
}
