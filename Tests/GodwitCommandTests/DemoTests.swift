import Deadline
import Foundation
import Testing

@testable import godwit_demo

/// The main job on a part of the real flights; `make demo` runs it on all.
@Suite(.deadline(seconds: 300)) struct DemoTests {
    private func someFlights(_ scratch: Scratch) throws -> String {
        let all = try String(contentsOfFile: packageDirectory + "/fixtures/flights-2013-01.csv", encoding: .utf8)
        return try scratch.file("flights.csv", all.split(separator: "\n").prefix(1501).joined(separator: "\n"))
    }

    @Test("the demo on 1,500 flights: everything acknowledged survives a kill, all features are right")
    func demo() throws {
        let scratch = Scratch()
        let demo = try Command.run(
            "godwit-demo",
            ["flights", "--data", scratch.path + "/store", "--csv", try someFlights(scratch), "--reads", "1000"])
        #expect(demo.status == 0, "\(demo.text)\(demo.errors)")
        #expect(demo.text.contains("All held."))
        #expect(!demo.text.contains("FAILED"))
    }

    @Test("a missing number stays missing and changes neither count nor mean")
    func missingStaysMissing() throws {
        func flight(_ delay: Int?) -> Flight {
            Flight(
                hour: "2013-01-01T10:00:00Z", carrier: "UA", tailNumber: nil, origin: "EWR", destination: "IAH",
                departureDelay: delay, arrivalDelay: nil, airTime: nil, distance: 1400)
        }
        var features = Features()
        features.add(flight(nil))
        #expect(features.departureDelay == nil)
        #expect(!String(decoding: try features.encode(), as: UTF8.self).contains("delay"))
        features.add(flight(10))
        features.add(flight(nil))
        features.add(flight(-3))
        #expect(features.departureDelay == Measure(count: 2, sum: 7, mean: 3.5, last: -3))
        #expect(features.flights == 4)
        #expect(try Features.decode(features.encode()) == features)
        #expect(flight(nil).entities == ["carrier/UA", "route/EWR-IAH"])
    }

    @Test("the running features equal those computed from whole lists")
    func recomputation() throws {
        let scratch = Scratch()
        let flights = try Flight.read(someFlights(scratch))
        var running: [String: Features] = [:]
        for flight in flights {
            for entity in flight.entities { running[entity, default: Features()].add(flight) }
        }
        #expect(running == Recomputation(flights).features)
    }
}
