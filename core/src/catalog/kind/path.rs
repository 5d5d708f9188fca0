//! Paths: one spelling for one file, so that a comparison of text is a comparison of places.

/// Whether `text` is in normal form and, where there is a root, at it or below it.
pub(super) fn check(text: &str, root: Option<&str>) -> Result<(), String> {
    normal(text)?;
    match root {
        Some(root) if !below(text, root) => Err(format!("it is not under `{root}`; write an absolute path there")),
        _ => Ok(()),
    }
}

/// What is wrong with a root.
pub(super) fn root_fault(root: &str) -> Option<String> {
    if let Err(why) = normal(root) {
        return Some(format!("the root `{}` is not in normal form: {why}", root.escape_debug()));
    }
    (!root.starts_with('/')).then(|| format!("the root `{root}` is not absolute; write it from `/`"))
}

fn below(text: &str, root: &str) -> bool {
    // A plain prefix would let `/srv/database` pass for `/srv/data`.
    match text.strip_prefix(root.strip_suffix('/').unwrap_or(root)) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

fn normal(text: &str) -> Result<(), String> {
    let fault = if text.is_empty() {
        "it is empty; write a path"
    } else if text.chars().any(char::is_control) {
        "it has a control character; leave it out"
    } else if text.contains('\\') {
        "it has a backslash; write `/` between folders"
    } else if has_escape(text) {
        "it is percent-encoded; write the characters themselves"
    } else if text.starts_with('~') {
        "it starts with `~`; write the folder itself"
    } else if text == "/" {
        return Ok(());
    } else if text.contains("//") {
        "it has `//`; write one `/`"
    } else if text.ends_with('/') {
        "it ends with `/`; leave the last one out"
    } else if text.split('/').any(|segment| segment == "." || segment == "..") {
        "it has a `.` or `..` segment; write the path that it leads to"
    } else {
        return Ok(());
    };
    Err(fault.to_owned())
}

/// Whether somewhere a `%` stands before two hexadecimal digits.
fn has_escape(text: &str) -> bool {
    text.as_bytes().windows(3).any(|three| match three {
        [b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |text: &str, root: Option<&str>, fault: &str| match check(text, root) {
            Ok(()) => assert_eq!(fault, "", "{text:?} passed"),
            Err(why) => assert!(!fault.is_empty() && why.contains(fault), "{text:?}: {why}"),
        };
        let data = Some("/srv/data");
        for good in
            ["/srv/data", "/srv/data/a.txt", "/srv/data/..a/b..", "/srv/data/a b/ü", "/srv/data/100%", "/srv/data/%zz"]
        {
            check(good, data, "");
            check(good, Some("/"), "");
            check(good, None, "");
        }
        for good in ["/", "a", "a/b", "a/~b", "...", "C:/x"] {
            check(good, None, "");
        }
        check("/", Some("/"), "");
        check("/", data, "not under `/srv/data`");
        check("/srv/database", data, "not under");
        check("/srv/dat", data, "not under");
        check("srv/data/a", data, "not under");
        check("a", Some("/"), "not under");
        check("/SRV/data/a", data, "not under");
        check("/srv/data/../../etc/passwd", data, "`..` segment");
        check("/srv/data/..", data, "`..` segment");
        check("/srv/data/./a", data, "`..` segment");
        check("..", None, "`..` segment");
        check(".", None, "`..` segment");
        check("../a", None, "`..` segment");
        check("", None, "empty");
        check("/srv/data//a", data, "`//`");
        check("//", None, "`//`");
        check("//srv/data", data, "`//`");
        check("/srv/data/", data, "ends with");
        check("/srv/data/a\0.txt", data, "control");
        check("/srv/data/a\nb", data, "control");
        check("/srv/data/a\u{85}b", data, "control");
        check("/srv/data\\..\\x", data, "backslash");
        check("C:\\x", None, "backslash");
        check("/srv/data/%2e%2e/x", data, "percent-encoded");
        check("/srv/data/%00", data, "percent-encoded");
        check("~", None, "`~`");
        check("~root/x", None, "`~`");
    }

    #[test]
    fn roots() {
        let check = |root: &str, fault: &str| assert_eq!(root_fault(root).unwrap_or_default(), fault);
        check("/", "");
        check("/srv/data", "");
        check("srv", "the root `srv` is not absolute; write it from `/`");
        check("/srv/", "the root `/srv/` is not in normal form: it ends with `/`; leave the last one out");
        check("", "the root `` is not in normal form: it is empty; write a path");
    }
}
