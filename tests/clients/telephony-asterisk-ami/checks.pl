# The checks with Telephony::Asterisk::AMI (Perl): one call waits for one reply; events come to a callback meanwhile.

use strict;
use warnings;
use Remote;
use Telephony::Asterisk::AMI;

sub login {
    my ($host, $port, $user, $secret) = @_;
    my $ami = Telephony::Asterisk::AMI->new(
        Host           => $host,
        Port           => $port,
        Username       => $user,
        Secret         => $secret,
        Event_Callback => \&Remote::event,
    );
    return $ami->connect ? $ami : (undef, $ami->error);
}

sub many {
    my ($ami, $actions) = @_;
    return one($ami, @{ $actions->[0] }) if @$actions == 1;
    my @sent = map { $ami->send_action(Action => $_->[0], %{ $_->[1] }) } @$actions;
    my %replies;
    while (keys %replies < @sent) {
        my $message = $ami->read_response;
        if ($message->{Event}) { Remote::event($message); next }
        die $ami->error unless defined $message->{ActionID};
        $replies{ $message->{ActionID} } = $message;
    }
    return map { [ "$_", $replies{$_} ] } @sent;
}

sub one {
    my ($ami, $action, $headers) = @_;
    my $reply = $ami->action(Action => $action, %$headers);
    if ($action eq 'Logoff') {
        # When the server closes, reading is an error that the library makes up, without an ActionID.
        while (defined $ami->read_response->{ActionID}) { }
        Remote::told({ closed => JSON::PP::true });
    }
    return [ $reply->{ActionID}, $reply ];
}

Remote::serve(login => \&login, many => \&many, read => sub { $_[0]->action(Action => 'Ping') });
