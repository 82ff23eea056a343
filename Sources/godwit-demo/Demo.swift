import ArgumentParser
import CommandSupport
import Glibc

/// Shows what Godwit does with real input and real kills. Exit status 0 only if everything that was checked held.
@main
struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "godwit-demo",
        abstract: "Shows Godwit at work: real flights, a killed writer, every acknowledged write checked.",
        subcommands: [Flights.self, Kill.self, FeedChild.self, CrashChild.self],
        defaultSubcommand: Flights.self
    )

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            if let code = error as? ExitCode { Glibc.exit(code.rawValue) }
            if exitCode(for: error).isSuccess { exit(withError: error) }
            Descriptor.complain(fullMessage(for: error))
            Glibc.exit(2)
        }
    }
}
