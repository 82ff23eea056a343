import ArgumentParser
import CommandSupport

/// A duration as an argument: `500ms`, `30s`, `5m`, `2h`, `7d`.
struct TimeToLive: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        guard let duration = DurationText.parse(argument) else { return nil }
        self.duration = duration
    }
}
