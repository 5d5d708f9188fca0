//! The shadow stack of the module: Cedar's parser recurses, and its guard against that does not work here.

fn main() {
    println!("cargo:rustc-cdylib-link-arg=-zstack-size=4194304");
    println!("cargo:rerun-if-changed=build.rs");
}
