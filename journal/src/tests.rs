//! Failing disks and crashes.
