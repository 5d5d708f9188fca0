//! Byte for byte what the core with Cedar recorded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::Path};

#[test]
fn examples_come_to_the_same_records() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packed");
    let cases = fs::read_dir(&root).expect("`cargo test -p toolgate --test it packed` writes the cases; run it before");
    let mut count = 0;
    for case in cases {
        let case = case.unwrap().path();
        let text = |file: &str| fs::read_to_string(case.join(file)).unwrap();
        let bundle = fs::read(case.join("bundle.toolgate")).unwrap();
        let found = toolgate_edge::records(&bundle, &text("journal.jsonl"), &text("calls.jsonl"), &text("now"));
        assert_eq!(found.unwrap(), text("records"), "{}", case.display());
        count += 1;
    }
    assert!(count > 10, "{count} cases");
    println!("{count} cases");
}
