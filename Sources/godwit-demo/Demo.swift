import ArgumentParser
import CommandSupport
import Glibc

/// Shows what Godwit does with real input and real kills. Exit status 0 only if everything that was checked held.
@main
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "godwit-demo",
        abstract:
            "Shows Godwit at work: two regions, real flights, a killed primary, every acknowledged write accounted for.",
        subcommands: [
            Regions.self, Flights.self, Kill.self, Failovers.self, Switchovers.self, Cuts.self, FeedChild.self,
            CrashChild.self,
        ],
        defaultSubcommand: Regions.self
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
            if let code = error as? ExitCode { Glibc.exit(code.rawValue) }
            if exitCode(for: error).isSuccess { exit(withError: error) }
            Descriptor.complain(fullMessage(for: error))
            Glibc.exit(2)
        }
    }
}
