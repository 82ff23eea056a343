internal import Foundation
public import Testing

/// Bounds each test of a suite that waits for sockets or processes. A test that has not ended by then ends the whole
/// run with a message that names it: what waits for ever cannot be told to stop, and a run that hangs says nothing.
public struct Deadline: SuiteTrait, TestTrait, TestScoping {
    /// Seconds that a test may take.
    let seconds: Double

    /// Holds for each test of a suite, not for the suite as a whole.
    public var isRecursive: Bool { true }

    /// Only a test itself has a deadline.
    public func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    /// Runs a test, watched by a timer that needs none of the threads that tests run on.
    @concurrent
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let timer = DispatchSource.makeTimerSource(queue: .global())
        timer.schedule(deadline: .now() + seconds)
        let message = "the test \(test.name) has not ended within \(Int(seconds)) s: the run is given up\n"
        timer.setEventHandler {
            FileHandle.standardError.write(Data(message.utf8))
            abort()
        }
        timer.resume()
        defer { timer.cancel() }
        try await function()
    }
}

extension Trait where Self == Deadline {
    /// Each test ends within so many seconds, or the run ends.
    public static func deadline(seconds: Double) -> Self { Deadline(seconds: seconds) }
}
