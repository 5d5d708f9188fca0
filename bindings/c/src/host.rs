//! The host's memory: what comes in from C, and what goes out. All reading and writing through
//! the host's pointers stands here; elsewhere, a handle is only taken for what it stands for.

use std::{
    ffi::{CStr, CString, c_char},
    path::Path,
};

use crate::fault::{Fault, Status};

/// Bytes that the host keeps while the function runs.
///
/// # Safety
/// `data` is null, or `length` bytes can be read from it for as long as `'a`.
pub(crate) unsafe fn bytes<'a>(argument: &str, data: *const u8, length: usize) -> Result<&'a [u8], Fault> {
    match (data.is_null(), length) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Fault::usage(&format!("`{argument}` is NULL, and its length is not 0"))),
        (false, _) if isize::try_from(length).is_err() => {
            Err(Fault::usage(&format!("`{argument}` is longer than memory")))
        }
        // SAFETY: not null, not longer than memory, and the caller vouches for the rest.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(data, length) }),
    }
}

/// As [`bytes`], which are text.
///
/// # Safety
/// As for [`bytes`].
pub(crate) unsafe fn text<'a>(argument: &str, data: *const c_char, length: usize) -> Result<&'a str, Fault> {
    // SAFETY: the caller vouches for it.
    let bytes = unsafe { bytes(argument, data.cast(), length) }?;
    utf8(argument, bytes)
}

/// A text that ends with a zero byte.
///
/// # Safety
/// `data` is null, or a zero byte ends what can be read from it for as long as `'a`.
pub(crate) unsafe fn name<'a>(argument: &str, data: *const c_char) -> Result<&'a str, Fault> {
    if data.is_null() {
        return Err(Fault::usage(&format!("`{argument}` is NULL")));
    }
    // SAFETY: not null, and the caller vouches for the rest.
    utf8(argument, unsafe { CStr::from_ptr(data) }.to_bytes())
}

/// As [`name`], the path of a file.
///
/// # Safety
/// As for [`name`].
pub(crate) unsafe fn path<'a>(argument: &str, data: *const c_char) -> Result<&'a Path, Fault> {
    // SAFETY: the caller vouches for it.
    unsafe { name(argument, data) }.map(Path::new)
}

fn utf8<'a>(argument: &str, bytes: &'a [u8]) -> Result<&'a str, Fault> {
    let wrong = |error: std::str::Utf8Error| {
        Fault::usage(&format!("`{argument}` is no UTF-8 text, from byte {} on", error.valid_up_to()))
    };
    std::str::from_utf8(bytes).map_err(wrong)
}

/// What a handle stands for.
///
/// # Safety
/// `handle` is null, or came from [`give`] and was not freed.
pub(crate) unsafe fn handle<'a, T>(argument: &str, handle: *const T) -> Result<&'a T, Fault> {
    // SAFETY: the caller vouches for it.
    unsafe { handle.as_ref() }.ok_or_else(|| Fault::usage(&format!("`{argument}` is NULL")))
}

/// Puts a value where the host wants it, if the host wants it.
///
/// # Safety
/// `place` is null, or can be written.
pub(crate) unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: not null, and the caller vouches for the rest.
        unsafe { place.write(value) };
    }
}

/// Gives a value to the host, to be taken back by [`take`].
pub(crate) fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Takes back what [`give`] gave, and drops it.
///
/// # Safety
/// `handle` is null, or came from [`give`], and nobody uses it any more.
pub(crate) unsafe fn take<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: not null, and the caller vouches for the rest.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// A text for C: it ends with a zero byte, and has no other. JSON escapes that byte; elsewhere it is replaced.
pub(crate) fn zero_ended(text: String) -> CString {
    CString::new(text).unwrap_or_else(|error| {
        let shown = String::from_utf8_lossy(&error.into_vec()).replace('\0', "\u{fffd}");
        CString::new(shown).unwrap_or_default()
    })
}

/// Gives a text to the host.
pub(crate) fn give_text(text: String) -> *mut c_char {
    zero_ended(text).into_raw()
}

/// Puts a text where the host wants it; made only if it does.
///
/// # Safety
/// As for [`put`].
pub(crate) unsafe fn put_text(place: *mut *mut c_char, text: impl FnOnce() -> String) {
    if !place.is_null() {
        // SAFETY: the caller vouches for it.
        unsafe { put(place, give_text(text())) };
    }
}

/// Runs what can fail: the fault goes to `error`, its class is the answer. A panic is a fault.
///
/// # Safety
/// `error` is null, or can be written.
pub(crate) unsafe fn guarded(error: *mut *mut c_char, run: impl FnOnce() -> Result<(), Fault>) -> Status {
    // SAFETY: the caller vouches for it.
    unsafe { put(error, std::ptr::null_mut()) };
    match caught(run).unwrap_or_else(|| Err(Fault::panicked())) {
        Ok(()) => Status::Ok,
        Err(fault) => {
            // SAFETY: the caller vouches for it.
            unsafe { put_text(error, || fault.message) };
            fault.status
        }
    }
}

/// As [`guarded`], for a function that makes a handle: it goes to `place`, where NULL stands if there is none.
///
/// # Safety
/// `place` and `error` are null, or can be written.
pub(crate) unsafe fn made<T>(
    argument: &str,
    place: *mut *mut T,
    error: *mut *mut c_char,
    make: impl FnOnce() -> Result<T, Fault>,
) -> Status {
    // SAFETY: the caller vouches for it.
    unsafe {
        put(place, std::ptr::null_mut());
        guarded(error, || {
            if place.is_null() {
                return Err(Fault::usage(&format!("`{argument}` is NULL")));
            }
            put(place, give(make()?));
            Ok(())
        })
    }
}

/// A text that is made of what a handle stands for; NULL if the handle is, or after a panic.
///
/// # Safety
/// As for [`handle`].
pub(crate) unsafe fn told<T>(handle: *const T, tell: impl FnOnce(&T) -> String) -> *mut c_char {
    // SAFETY: the caller vouches for it.
    let text = unsafe { handle.as_ref() }.and_then(|of| caught(|| tell(of)));
    text.map_or(std::ptr::null_mut(), give_text)
}

/// What comes of it, or nothing after a panic. Whatever is behind a handle stays whole: gates and records never change, and a
/// ledger takes an event at once or not at all.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).ok()
}

/// Frees a text that a function gave. NULL is fine.
///
/// # Safety
/// `text` is NULL, or came from a function that says so, and was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_text_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: not null, and the caller vouches for the rest.
        drop(unsafe { CString::from_raw(text) });
    }
}
