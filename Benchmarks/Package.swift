// swift-tools-version: 6.2
import PackageDescription

/// Measurements against peers, apart from the engine's own package so that nothing they need becomes a dependency of
/// Godwit. `.ci/install-bench-dependencies` installs what is linked here.
let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "godwit", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .target(name: "CRocks", linkerSettings: [.linkedLibrary("rocksdb")]),
        .target(name: "CLmdb", linkerSettings: [.linkedLibrary("lmdb")]),
        .executableTarget(
            name: "versus",
            dependencies: [
                "CRocks", "CLmdb",
                .product(name: "GodwitEngine", package: "godwit"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6), .enableUpcomingFeature("MemberImportVisibility")]),
        .executableTarget(
            name: "replication",
            dependencies: [
                .product(name: "GodwitEngine", package: "godwit"),
                .product(name: "GodwitNode", package: "godwit"),
                .product(name: "GodwitReplication", package: "godwit"),
                .product(name: "LinkProxy", package: "godwit"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6), .enableUpcomingFeature("MemberImportVisibility")]),
        .executableTarget(
            name: "redis-load",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6), .enableUpcomingFeature("MemberImportVisibility")]),
    ],
    cxxLanguageStandard: .cxx17
)
