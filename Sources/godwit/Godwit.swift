import ArgumentParser
import CommandSupport
import Glibc

/// The command. Exit status: 0 done, 1 where a subcommand says so (`get`: absent), 2 for every error, with a message on
/// standard error.
@main
struct Godwit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "godwit",
        abstract: "Reads, writes, serves and cares for a Godwit store.",
        discussion: """
            A store is a directory. Only one process has it open at a time; a second one is refused and told which. \
            Keys and values on the command line are UTF-8 text; values come out as the bytes they are.

            Exit status: 0 done, 1 absent (get), 2 any error, with a message on standard error.

            Examples:
              godwit put --data ./store plane/N14228 '{"flights":111}'
              godwit get --data ./store plane/N14228
              godwit scan --data ./store --prefix plane/ --limit 10
              godwit load --data ./store --csv flights.csv --key origin,dest
            """,
        subcommands: [
            Put.self, Get.self, Delete.self, Scan.self, Load.self, Stats.self, Verify.self, Repair.self, Inspect.self,
            CheckpointCommand.self, RestoreCommand.self, Compact.self, Serve.self, Status.self, Promote.self,
            Switchover.self, Rejoin.self, Forget.self,
        ]
    )

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var later = command as? any AsyncParsableCommand {
                try await later.run()
            } else {
                try command.run()
            }
        } catch {
            leave(error)
        }
    }

    private static func leave(_ error: any Error) -> Never {
        if let code = error as? ExitCode { Glibc.exit(code.rawValue) }
        if exitCode(for: error).isSuccess { exit(withError: error) }
        Descriptor.complain(fullMessage(for: error))
        Glibc.exit(ExitCode.failed.rawValue)
    }
}

extension ExitCode {
    /// `get` found no value.
    static let absent = ExitCode(1)
    /// Any error, damaged data among them.
    static let failed = ExitCode(2)
}
