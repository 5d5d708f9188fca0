//! Reads a verbatim MCP tools/list result: the pin of a server.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    error::{Diagnostic, Place, closest},
    id::is_tool_name,
    json::{Caps, Json, Numbers, read},
};

/// What is wrong with a list that is one page of several.
pub(crate) const ONE_PAGE: &str = "tools_list_page";

/// The definitions by name, as far as they can be read, and what is wrong with the list.
pub(crate) fn definitions(file: &Arc<str>, text: &str) -> (BTreeMap<String, Json>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let mut tools = BTreeMap::new();
    let list = match read(text.as_bytes(), &Caps::file(Numbers::Any)) {
        Ok(list) => list,
        Err(error) => {
            let place = Place::new(file, text, error.offset..error.offset);
            found.push(Diagnostic::error("tools_list", error.fault.to_string()).at(place));
            return (tools, found);
        }
    };
    let whole = || Place::whole(file);
    let Some(items) = list.get("tools").and_then(Json::as_array) else {
        let wrapped = list.get("result").is_some_and(|result| result.get("tools").is_some());
        let help = if wrapped {
            "this is a JSON-RPC response: keep only what stands in `result`"
        } else {
            "the file is the result of tools/list: `{\"tools\": [...]}`"
        };
        let message = "no list `tools` at the top of the file";
        found.push(Diagnostic::error("tools_list", message).at(whole()).help(help));
        return (tools, found);
    };
    if list.get("nextCursor").is_some_and(|cursor| *cursor != Json::Null) {
        let message = "the list has a `nextCursor`: this is one page of several";
        let help = "ask for the other pages and put all tools into one list";
        found.push(Diagnostic::error(ONE_PAGE, message).at(whole()).help(help));
    }
    for (index, item) in items.iter().enumerate() {
        match item.get("name").and_then(Json::as_str) {
            None => {
                let message = format!("tool number {} has no `name`", index + 1);
                found.push(Diagnostic::error("tools_list", message).at(whole()));
            }
            Some(name) if !is_tool_name(name) => {
                let message = format!("`{}` is no legal MCP tool name, so the tool is left out", name.escape_debug());
                let help = "MCP allows 1 to 128 of letters, digits, `_`, `.` and `-`";
                found.push(Diagnostic::warning("tool_name", message).at(place_of(file, text, name)).help(help));
            }
            Some(name) => {
                if tools.insert(name.to_owned(), item.clone()).is_some() {
                    let message = format!("the tool `{name}` stands in the list twice");
                    found.push(Diagnostic::error("tools_list", message).at(place_of(file, text, name)));
                }
            }
        }
    }
    (tools, found)
}

/// Where a name stands in the file, by its first quoted occurrence.
fn place_of(file: &Arc<str>, text: &str, name: &str) -> Place {
    let quoted = format!("\"{name}\"");
    match text.find(&quoted) {
        Some(at) => Place::new(file, text, at..at + quoted.len()),
        None => Place::whole(file),
    }
}

/// "Did you mean" for a tool's name, or nothing.
pub(crate) fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(wrong, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
