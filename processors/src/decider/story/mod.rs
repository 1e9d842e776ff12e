//! The language of stories.
