/// Why a command cannot go on: one sentence for the person at the terminal.
package struct CommandFailure: Error, CustomStringConvertible, Equatable {
    /// What happened, where, and what to do.
    package let description: String

    /// Makes a failure with its message.
    package init(_ description: String) { self.description = description }
}
