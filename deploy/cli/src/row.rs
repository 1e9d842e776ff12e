//! Rows: named values in the order in which they were asked for.
//!
//! Owns that order, which JSON objects do not keep by themselves. Refuses types: a value is what JSON says.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::Value;
use std::fmt;

/// One row of a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(Vec<(String, Value)>);

impl Row {
    /// A row of these values, in this order.
    pub fn of<const N: usize>(values: [(&str, Value); N]) -> Row {
        Row(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The value of a column; null if there is none.
    pub fn get(&self, name: &str) -> &Value {
        self.0.iter().find(|(known, _)| known == name).map_or(&Value::Null, |(_, value)| value)
    }

    /// The value as text: a string without quotes, nothing for null.
    pub fn text(&self, name: &str) -> String {
        match self.get(name) {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Ordered;
        impl<'de> Visitor<'de> for Ordered {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row as an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut row = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    row.push(entry);
                }
                Ok(Row(row))
            }
        }
        d.deserialize_map(Ordered)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn columns_keep_the_order_they_were_asked_in() {
        let text = r#"{"zeta":1,"alpha":"two","mid":null}"#;
        let row: Row = serde_json::from_str(text).unwrap();
        assert_eq!(row.names().collect::<Vec<_>>(), ["zeta", "alpha", "mid"]);
        assert_eq!(serde_json::to_string(&row).unwrap(), text);
        assert_eq!((row.text("alpha"), row.text("mid"), row.text("none")), ("two".into(), String::new(), String::new()));
    }
}
