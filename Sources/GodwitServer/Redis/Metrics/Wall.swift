internal import FoundationEssentials

/// The time of day.
enum Wall {
    static var now: (seconds: Int, microseconds: Int) {
        let time = Date().timeIntervalSince1970
        let seconds = Int(time)
        return (seconds, Int((time - Double(seconds)) * 1e6))
    }

    static var seconds: Int { now.seconds }
}
