import Glibc
import Synchronization

/// Names the seed of the run that a trap ends: a trap leaves no time to throw, and a seed that is lost cannot be repeated.
final class TrapReport: @unchecked Sendable {
    private static let shared = TrapReport()
    private static let signals = [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS]

    private let seed = Atomic<UInt64>(0)
    /// The handlers before, by signal. Written once, before the first trap.
    private var previous: [sigaction]

    private init() {
        previous = Array(repeating: sigaction(), count: 65)
        for signal in Self.signals {
            var action = sigaction()
            unsafe action.__sigaction_handler.sa_handler = { TrapReport.shared.report($0) }
            unsafe sigaction(signal, &action, &previous[Int(signal)])
        }
    }

    /// Notes the seed that runs from now on.
    static func note(_ seed: UInt64) { shared.seed.store(seed, ordering: .relaxed) }

    /// Writes the seed and lets the handler before go on: the instruction that trapped does so again. Allocates nothing.
    private func report(_ signal: Int32) {
        var text: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
        unsafe withUnsafeMutableBytes(of: &text) { text in
            var place = text.count - 1
            unsafe text[place] = 0x0A
            var rest = seed.load(ordering: .relaxed)
            repeat {
                place -= 1
                unsafe text[place] = 0x30 + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            for byte in "\nGODWIT_SEED=".utf8.reversed() {
                place -= 1
                unsafe text[place] = byte
            }
            _ = unsafe write(2, text.baseAddress! + place, text.count - place)
        }
        unsafe sigaction(signal, &previous[Int(signal)], nil)
    }
}
