//! What a host sees of a journal: random histories, crashes at every byte, second writers, compactions.

mod desk;
mod files;
mod history;
mod torn;
