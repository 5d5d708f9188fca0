//! Policy tests.

use std::ffi::c_char;

use toolgate_harness::Session;

use crate::{
    fault::{Fault, Status},
    host,
};

/// Runs the tests of the bundle in the folder at `path`, and gives the report.
///
/// `options`, unless NULL, is a JSON object: `filter` (a list of texts), `cases` (a list of ids), `shard` (`"i/n"`), `format`
/// (`json`, `text`, `plain`, `junit`, `github`), `root`, `rerun`, `jobs`, `fail_fast`, `verbose`. `*report` is freed with
/// `toolgate_text_free`; that it is there does not mean that the tests pass: it says so.
///
/// # Safety
/// `path` and `options` end with a zero byte; `report` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_suites_run(
    path: *const c_char,
    options: *const c_char,
    report: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(report, std::ptr::null_mut());
        host::guarded(error, || {
            let path = host::path("path", path)?;
            let options = if options.is_null() { "" } else { host::name("options", options)? };
            let mut sources = toolgate_folder::bundle(path)?;
            toolgate_folder::add_tests(path, &mut sources)?;
            let told = Session::open(sources)?.run(options).map_err(|error| Fault::usage(&error.to_string()))?;
            host::put_text(report, || told);
            Ok(())
        })
    }
}
