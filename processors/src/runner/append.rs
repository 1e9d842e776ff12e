//! Appending: records into one journal, in order, until the log has said where they lie.
//!
//! Owns the sending again. Refuses new bytes: what was formed once is sent as it is, for a second copy is void and a second
//! block would be a fork.

use super::Processor;
use cairn_log::{AppendError, Appended, Batch, Place};

/// Appends a batch; sends it again while the outcome is unknown or the log had no room, at most as often as the options say.
pub async fn append(processor: Processor, place: Place, batch: Batch) -> Result<Vec<Appended>, AppendError> {
    let Processor { log, timer, options, metrics, .. } = processor;
    let mut pause = options.append_pause;
    let longest = options.append_pause.saturating_mul(64);
    for attempt in 1.. {
        let answer = log.append(place, batch.clone()).await;
        if let Err(error) = &answer {
            metrics.append_error(place.partition, error.code());
        }
        match answer {
            Ok(appended) => return Ok(appended),
            Err(error) if attempt < options.append_attempts && error.passes() => {
                tracing::warn!(%place, attempt, code = error.code(), "append again: {error}");
                timer.sleep(pause).await;
                pause = (pause * 2).min(longest);
            }
            Err(error) => return Err(error),
        }
    }
    Err(AppendError::Unknown { place })
}
