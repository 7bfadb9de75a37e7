package Remote;

# What the adapters of Perl libraries share: their side of remote.py's protocol, for libraries that block.
#
# `serve` is given, by name: login(HOST, PORT, USER, SECRET), which returns the session or undef and the refusal's text;
# many(SESSION, [[ACTION, HEADERS], ...]), which returns [ACTION ID, REPLY] pairs; read(SESSION).

use strict;
use warnings;
use JSON::PP;

my $json = JSON::PP->new->ascii;    # bytes above 127 stay one character each

sub lower {
    my ($headers) = @_;
    return { map { lc($_) => $headers->{$_} } keys %$headers };
}

sub told {
    print STDOUT $json->encode($_[0]), "\n";
}

sub event {
    told({ event => lower($_[0]) });
}

sub serve {
    my (%library) = @_;
    $| = 1;
    my ($session, $refusal) = $library{login}->(@ARGV);
    return told({ refused => $refusal }) unless $session;
    told({ login => 'accepted', blocking => JSON::PP::true });
    while (my $line = <STDIN>) {
        my $request = $json->decode($line);
        if ($request->{read}) {
            $library{read}->($session);
            told({ read => JSON::PP::true });
        } else {
            my @replies = $library{many}->($session, $request->{many});
            told({ replies => [ map { [ $_->[0], lower($_->[1]) ] } @replies ] });
        }
    }
}

1;
