//! Makes the JavaScript glue of a compiled binding: `xtask-wasm FILE.wasm FOLDER NAME`.
//!
//! wasm-bindgen's glue is a module with one instance in it. Here it becomes a function that makes an instance each time: after
//! a trap there has to be another one, and two users of the package share nothing.

mod panics;
mod places;

use std::{fs, path::Path, process::ExitCode};

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [input, folder, name] = arguments.as_slice() else {
        eprintln!("usage: xtask-wasm FILE.wasm FOLDER NAME");
        return ExitCode::from(2);
    };
    match make(input, Path::new(folder), name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask-wasm: {why}");
            ExitCode::FAILURE
        }
    }
}

fn make(input: &str, folder: &Path, name: &str) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    // The names stay until functions have been put into their order by them.
    bindgen.input_path(input).out_name(name).typescript(false).remove_producers_section(true);
    let mut forgotten = 0;
    let made = bindgen.web(true).and_then(|bindgen| {
        let mut made = bindgen.generate_output()?;
        panics::silence(made.wasm_mut());
        forgotten = places::forget(made.wasm_mut());
        made.emit(folder)
    });
    made.map_err(|error| format!("{error:#}"))?;
    if forgotten == 0 {
        return Err("no place of a panic was found: they no longer lie in memory as src/places.rs expects".to_owned());
    }
    let file = |end: &str| folder.join(format!("{name}{end}"));
    let text = fs::read_to_string(file(".js")).map_err(|error| error.to_string())?;
    fs::write(file(".glue.js"), factory(&text)?).map_err(|error| error.to_string())?;
    fs::remove_file(file(".js")).map_err(|error| error.to_string())?;
    fs::rename(file("_bg.wasm"), file(".wasm")).map_err(|error| error.to_string())
}

/// The glue as a function of a compiled module.
fn factory(text: &str) -> Result<String, String> {
    // How modules are loaded is the entry points' business.
    let text = without(text, "async function __wbg_load(", "function initSync(")?;
    let text = without(&text, "let __wbg_init_promise;", "export { initSync")?;
    let text = written_at_once(&text)?;
    let mut exported = Vec::new();
    let mut body = String::new();
    for line in text.lines() {
        if line.starts_with("/* @ts-self-types") || line.starts_with("export {") {
            continue;
        }
        let Some(rest) = line.strip_prefix("export ") else {
            body.push_str(line);
            body.push('\n');
            continue;
        };
        let named = rest.strip_prefix("class ").or_else(|| rest.strip_prefix("function "));
        let named = named.ok_or_else(|| format!("the glue exports something new: `{line}`"))?;
        let end = named.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(named.len());
        exported.push(named[..end].to_owned());
        body.push_str(rest);
        body.push('\n');
    }
    if exported.is_empty() {
        return Err("the glue exports nothing".to_owned());
    }
    let exported = exported.join(", ");
    Ok(format!(
        "/** An instance of the module: its classes and functions. */\nexport function glue(module) {{\n{body}\ninitSync({{ module }});\nreturn {{ {exported} }};\n}}\n"
    ))
}

/// Texts go into the module character by character, as long as they are ASCII. The runtime's own encoder takes a fifth of the
/// time; only what turns out to be longer in UTF-8 is written again, behind it.
fn written_at_once(text: &str) -> Result<String, String> {
    let each = "    for (; offset < len; offset++) {\n        const code = arg.charCodeAt(offset);\n        \
                if (code > 0x7F) break;\n        mem[ptr + offset] = code;\n    }\n";
    let all = "    if (cachedTextEncoder.encodeInto(arg, mem.subarray(ptr, ptr + len)).read === len) offset = len;\n";
    let (before, rest) = text.split_once(each).ok_or("the glue is not what it was: it writes texts in another way")?;
    Ok(format!("{before}{all}{rest}"))
}

/// The text without what stands from one mark to the next.
fn without(text: &str, from: &str, to: &str) -> Result<String, String> {
    let lacks = |mark: &str| format!("the glue is not what it was: it has no `{mark}`");
    let (before, rest) = text.split_once(from).ok_or_else(|| lacks(from))?;
    let at = rest.find(to).ok_or_else(|| lacks(to))?;
    Ok(format!("{before}{}", &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_glue_becomes_a_function() {
        let write = "    for (; offset < len; offset++) {\n        const code = arg.charCodeAt(offset);\n        if (code > 0x7F) break;\n        mem[ptr + offset] = code;\n    }\n";
        let glue = format!(
            "/* @ts-self-types=\"./x.d.ts\" */\nexport class Gate {{}}\nfunction pass(arg) {{\n{write}}}\nexport function decide(call) {{}}\n\
             async function __wbg_load(module) {{}}\nfunction initSync(module) {{}}\nlet __wbg_init_promise;\nexport {{ initSync, __wbg_init as default }};\n"
        );
        let made = factory(&glue).unwrap();
        assert!(made.contains("export function glue(module) {\nclass Gate {}\n"), "{made}");
        assert!(made.ends_with("return { Gate, decide };\n}\n"), "{made}");
        assert!(made.contains("encodeInto") && !made.contains("charCodeAt"), "{made}");
        for gone in ["__wbg_load", "__wbg_init", "@ts-self-types"] {
            assert!(!made.contains(gone), "{gone} in {made}");
        }
    }

    #[test]
    fn another_glue_is_refused() {
        let told = |text: &str| factory(text).unwrap_err();
        assert_eq!(told(""), "the glue is not what it was: it has no `async function __wbg_load(`");
        assert_eq!(without("a from b", "from", "to").unwrap_err(), "the glue is not what it was: it has no `to`");
    }
}
