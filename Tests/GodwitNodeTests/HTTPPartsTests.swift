import GodwitEngine
import Testing

@testable import GodwitReplication
@testable import GodwitServer

/// The pure parts of the HTTP interface.
@Suite struct HTTPPartsTests {
    @Test("a key's path gives keyspace and bytes")
    func keyPath() throws {
        let plain = try KeyPath("/v1/keys/default/plane/N14228")
        #expect(plain.keyspace == "default")
        #expect(plain.key == Array("plane/N14228".utf8))
        let encoded = try KeyPath("/v1/keys/a%20b/%00%ffz%2F")
        #expect(encoded.keyspace == "a b")
        #expect(encoded.key == [0, 255, UInt8(ascii: "z"), UInt8(ascii: "/")])
        #expect(try KeyPath("/v1/keys/default/").key.isEmpty)
    }

    @Test(
        "a path that is none is refused",
        arguments: [
            "/v1/keys/", "/v1/keys/default", "/v1/keys//k", "/v1/keys/a/%", "/v1/keys/a/%4", "/v1/keys/a/%zz",
            "/v1/keys/%ff/k",
        ])
    func badKeyPath(path: String) { #expect(throws: Failure.self) { try KeyPath(path) } }

    @Test("a position is read as it is written")
    func position() {
        let position = Position(epoch: Epoch(number: 3, tag: 0x5F), sequence: 1042)
        #expect(Position("\(position)") == position)
        for text in ["", "@", "1.2", "1@2", "a.b@1", "1.2@", "1.2@-1", "1.2.3@4", "1.2@3@4"] {
            #expect(Position(text) == nil, "\(text)")
        }
    }

    @Test("a follower gives no figures that it cannot know, and a deposed node no lag at all")
    func unknownFigures() {
        var status = ReplicaStatus()
        status.role = "follower"
        status.upstream = LinkStatus()
        status.lag = Lag(records: 4, milliseconds: 6)
        let text = MetricsText(status, nil).text
        #expect(text.contains("godwit_node_lag_records 4\n") && text.contains("godwit_node_lag_seconds 0.006\n"))
        #expect(text.contains("godwit_link_lag_seconds{"))
        #expect(!text.contains("lag_bytes") && !text.contains("acknowledgement_seconds"))
        status.role = "deposed"
        status.upstream = nil
        #expect(!MetricsText(status, nil).text.contains("_lag_"))
    }

    @Test("a node whose log cannot be trusted is neither well nor ready; a deposed one is well, and not ready")
    func health() {
        var status = ReplicaStatus()
        (status.role, status.stage) = ("primary", "open")
        #expect(Health(status).sickness(maxLag: .zero, role: "primary") == nil)
        #expect(Health(status).unreadiness() == nil)
        var poisoned = Health(status)
        poisoned.isPoisoned = true
        #expect(poisoned.sickness() != nil && poisoned.unreadiness() != nil)
        status.refusingWrites = "a newer epoch has begun elsewhere"
        #expect(Health(status).sickness() == nil && Health(status).unreadiness() == status.refusingWrites)
        status.role = "deposed"
        var deposed = Health(status)
        deposed.knowsFreshness = false
        #expect(deposed.sickness() == nil && deposed.lagMilliseconds == nil)
        #expect(deposed.sickness(maxLag: .seconds(3600)) != nil)
        #expect(deposed.unreadiness() == status.refusingWrites)
        status.role = "follower"
        status.lag.milliseconds = 700
        #expect(Health(status).unreadiness() == nil)
        #expect(Health(status).sickness(maxLag: .seconds(1)) == nil)
        #expect(Health(status).sickness(maxLag: .milliseconds(600)) != nil)
        #expect(Health(status).sickness(role: "primary") != nil)
        var empty = Health(status)
        empty.hasData = false
        #expect(empty.sickness() == nil && empty.unreadiness() != nil)
    }

    @Test("metrics are Prometheus text: each name described once, labels escaped, every figure of a link there")
    func metrics() {
        var status = ReplicaStatus()
        status.region = #"a"b\c"#
        status.role = "primary"
        status.epoch = "3.5f00aa12"
        var link = LinkStatus()
        link.node = "n1"
        link.lag = Lag(records: 4, bytes: 5, milliseconds: 6, p50: 7, p99: 8, max: 9)
        var other = link
        other.node = "n2"
        status.followers = [link, other]
        status.slots = [SlotStatus(node: "n1", region: "eu", keptAfter: 3, bytes: 4, isLost: true)]
        status.refusals = ["another store": 2]
        status.errors = ["corruption": 3]
        let text = MetricsText(status, nil).text
        let lines = text.split(separator: "\n")
        for line in lines where !line.hasPrefix("#") {
            #expect(
                line.wholeMatch(of: /godwit_[a-z_]+(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? [0-9.]+/)
                    != nil, "\(line)")
        }
        let described = lines.filter { $0.hasPrefix("# TYPE") }
        #expect(Set(described).count == described.count)
        #expect(text.contains(#"region="a\"b\\c""#))
        #expect(text.contains("godwit_epoch_number 3\n"))
        for figure in [
            "connected", "stage", "sent_sequence", "received_sequence", "durable_sequence", "applied_sequence",
            "lag_records",
            "lag_bytes", "lag_seconds", "acknowledgement_seconds", "bytes_total", "bytes_per_second",
            "reconnects_total", "partial_syncs_total", "full_syncs_total", "rewinds_total",
        ] {
            #expect(text.contains("godwit_link_\(figure){peer=\"n2\""), "\(figure)")
        }
        // All lines of a figure stand together, and no sample comes twice.
        let names = lines.filter { !$0.hasPrefix("#") }.map { $0.prefix { $0 != "{" && $0 != " " } }
        var seen: [Substring] = []
        for name in names where name != seen.last {
            #expect(!seen.contains(name), "\(name)")
            seen.append(name)
        }
        let samples = lines.filter { !$0.hasPrefix("#") }.map { $0.prefix { $0 != " " } }
        #expect(Set(samples).count == samples.count)
        #expect(text.contains("godwit_slot_lost{peer=\"n1\",region=\"eu\"} 1"))
        #expect(text.contains("godwit_slot_bytes{peer=\"n1\",region=\"eu\"} 4"))
        #expect(text.contains("godwit_replication_errors_total{kind=\"corruption\"} 3"))
        #expect(text.contains("godwit_refused_handshakes_total{reason=\"another store\"} 2"))
    }
}
