import Foundation
import Histogram

/// What a run gave.
struct Outcome {
    var requests = 0
    var refusals = 0
    var errors = 0
    var nanoseconds: UInt64 = 0
    /// Of requests that were neither refused nor failed.
    var latencies = Histogram<UInt64>(highestTrackableValue: 100_000_000_000)

    var answers: Int { Int(latencies.totalCount) }
    var replies: Int { answers + refusals + errors }

    mutating func record(_ kind: ReplyCounter.Kind, _ latency: UInt64) {
        switch kind {
        case .answer: _ = latencies.record(latency)
        case .refusal: refusals += 1
        case .error: errors += 1
        }
    }

    /// One JSON object; times in nanoseconds.
    var json: String {
        let perSecond = Double(answers) * 1e9 / Double(max(nanoseconds, 1))
        let percentiles = [("p50ns", 50.0), ("p99ns", 99.0), ("p999ns", 99.9)].map { name, percentile in
            "\"\(name)\":\(answers == 0 ? 0 : latencies.valueAtPercentile(percentile))"
        }
        let counts = """
            "perSecond":\(String(format: "%.1f", perSecond)),"requests":\(requests),"answers":\(answers),\
            "refusals":\(refusals),"errors":\(errors)
            """
        return "{\(counts),\(percentiles.joined(separator: ",")),\"maxns\":\(answers == 0 ? 0 : latencies.max)}"
    }
}
