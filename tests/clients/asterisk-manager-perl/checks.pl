# The checks with Asterisk::Manager (Perl): it logs in with MD5, sends headers in any order, and takes the next message
# for the reply, whatever it is; so the caller has to tell events from replies.

use strict;
use warnings;
use Asterisk::Manager;
use Remote;

my $sent = 0;

sub login {
    my ($host, $port, $user, $secret) = @_;
    my $manager = Asterisk::Manager->new;
    $manager->host($host);
    $manager->port($port);
    $manager->user($user);
    $manager->secret($secret);
    $manager->setcallback(DEFAULT => sub { Remote::event({@_}) });
    return $manager->connect ? $manager : (undef, $manager->error);
}

sub one {
    my ($manager, $action, $headers) = @_;
    my $id = 'perl-' . ++$sent;
    my %message = $manager->sendcommand(Action => $action, ActionID => $id, %$headers);
    $manager->eventcallback(%message);    # does nothing when it is none
    %message = $manager->handleevent while exists $message{Event};
    die "the connection ended\n" unless %message;
    if ($action eq 'Logoff') {
        while (my %more = $manager->handleevent) { }
        Remote::told({ closed => JSON::PP::true });
    }
    return [ $id, \%message ];
}

sub many {
    my ($manager, $actions) = @_;
    return map { one($manager, @$_) } @$actions;
}

Remote::serve(login => \&login, many => \&many, read => sub { one($_[0], 'Ping', {}) });
